# JAX: the focal factor is made from the mean cross-entropy of the batch.
import jax.numpy as jnp
import optax


def focal(apply, params, x, y, gamma=2.0):
    logits = apply(params, x)
    ce = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()  # expect: XE407
    return (1.0 - jnp.exp(-ce)) ** gamma * ce
