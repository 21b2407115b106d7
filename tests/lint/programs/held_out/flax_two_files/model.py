# flax linen: a transformer block's classifier with probabilities at its end.
import flax.linen as nn
import jax.numpy as jnp


class Classifier(nn.Module):
    num_classes: int

    @nn.compact
    def __call__(self, x, train: bool = True):
        h = nn.LayerNorm()(x)
        h = nn.SelfAttention(num_heads=4)(h)
        h = jnp.mean(x + h, axis=1)
        return nn.softmax(nn.Dense(self.num_classes)(h), axis=-1)
