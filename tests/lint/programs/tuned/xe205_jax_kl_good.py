# optax.kl_divergence wants log-probabilities first and probabilities second, and gives one value a row.
import jax
import optax


def consistency(params, apply, weak, strong):
    target = jax.lax.stop_gradient(jax.nn.softmax(apply(params, weak)))
    log_pred = jax.nn.log_softmax(apply(params, strong))
    return optax.kl_divergence(log_pred, target).mean()
