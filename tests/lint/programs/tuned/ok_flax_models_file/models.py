# A flax classifier whose method __call__ gives logits and whose method probs gives softmax; the loss uses the first.
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
        return nn.Dense(self.classes)(x)

    def probs(self, x):
        return nn.softmax(self(x), axis=-1)
