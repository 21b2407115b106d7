# jax.grad of a loss on argmax: integers carry no gradient, so every update is zero.
import jax
import jax.numpy as jnp


def forward(params, x):
    h = jnp.tanh(x @ params["w1"] + params["b1"])
    return h @ params["w2"] + params["b2"]


def loss(params, x, y):
    preds = jnp.argmax(forward(params, x), axis=-1)
    return jnp.mean((preds - y) ** 2)  # expect: XE306


@jax.jit
def sgd(params, x, y, lr=0.1):
    grads = jax.grad(loss)(params, x, y)
    return jax.tree_util.tree_map(lambda p, g: p - lr * g, params, grads)
