# JAX: one-hot labels are pushed through jax.nn.softmax before optax.softmax_cross_entropy.
import jax
import jax.numpy as jnp
import optax


def forward(params, x):
    return jnp.tanh(x @ params["w1"]) @ params["w2"]


def loss_fn(params, x, y, n_classes=12):
    logits = forward(params, x)
    labels = jax.nn.softmax(jax.nn.one_hot(y, n_classes))
    return optax.softmax_cross_entropy(logits, labels).mean()  # expect: XE304
