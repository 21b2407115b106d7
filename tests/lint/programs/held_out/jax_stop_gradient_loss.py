# JAX: stop_gradient around the logits inside the loss that is differentiated.
import jax
import jax.numpy as jnp
import optax
from jax import lax


def apply(params, x):
    return jnp.tanh(x @ params["w1"]) @ params["w2"]


def loss_fn(params, x, y):
    logits = lax.stop_gradient(apply(params, x))
    return optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()  # expect: XE306


def update(params, opt, state, x, y):
    loss, grads = jax.value_and_grad(loss_fn)(params, x, y)
    updates, state = opt.update(grads, state)
    return optax.apply_updates(params, updates), state, loss
