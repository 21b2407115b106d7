# Haiku: the transformed function gives logits; optax.sigmoid_binary_cross_entropy gets them, sigmoid is for the metric.
import haiku as hk
import jax
import jax.numpy as jnp
import optax


def net_fn(x):
    mlp = hk.Sequential([hk.Linear(64), jax.nn.relu, hk.Linear(1)])
    return mlp(x)[:, 0]


net = hk.without_apply_rng(hk.transform(net_fn))
tx = optax.sgd(0.05)


def loss_fn(params, x, y):
    return optax.sigmoid_binary_cross_entropy(net.apply(params, x), y).mean()


@jax.jit
def accuracy(params, x, y):
    return jnp.mean((jax.nn.sigmoid(net.apply(params, x)) > 0.5) == (y > 0.5))


@jax.jit
def update(params, opt_state, x, y):
    grads = jax.grad(loss_fn)(params, x, y)
    updates, opt_state = tx.update(grads, opt_state)
    return optax.apply_updates(params, updates), opt_state
