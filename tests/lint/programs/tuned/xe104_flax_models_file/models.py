# A flax classifier in models.py returns softmax; train.py imports it under a short name and calls the optax loss.
import flax.linen as nn


class MLP(nn.Module):
    features: tuple = (128, 64)
    classes: int = 4

    @nn.compact
    def __call__(self, x, train: bool = False):
        for f in self.features:
            x = nn.Dense(f)(x)
            x = nn.gelu(x)
            x = nn.Dropout(0.1, deterministic=not train)(x)
        return nn.softmax(nn.Dense(self.classes)(x), axis=-1)
