# JAX: jax.nn.log_sigmoid(-x) for log(1 - sigmoid(x)); log1p(-u) of a uniform draw is no sigmoid.
import jax
import jax.numpy as jnp


def bernoulli_nll(logits, y):
    return -(y * jax.nn.log_sigmoid(logits) + (1 - y) * jax.nn.log_sigmoid(-logits)).mean()


def gumbel_max(key, logits):
    u = jax.random.uniform(key, logits.shape)
    e = -jnp.log1p(-u)
    return jnp.argmax(logits - jnp.log(e), axis=-1)
