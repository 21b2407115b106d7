# Class probabilities of a batch taken with axis=0 in JAX.
import jax
import jax.numpy as jnp
from flax import linen as nn


class Head(nn.Module):
    n: int = 7

    @nn.compact
    def __call__(self, x):
        return nn.Dense(self.n)(nn.relu(nn.Dense(64)(x)))


head = Head()


@jax.jit
def predict(params, batch):
    feats = batch.reshape(batch.shape[0], -1)
    logits = head.apply(params, feats)
    probs = jax.nn.softmax(logits, axis=0)  # expect: XE307
    return jnp.argmax(probs, axis=-1), jnp.max(probs, axis=-1)
