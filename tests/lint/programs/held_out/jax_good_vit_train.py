# flax: a vision transformer with dropout keys, smoothed labels, weight decay, and softmax in the confusion plot: right.
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class Encoder(nn.Module):
    dim: int = 192

    @nn.compact
    def __call__(self, x, deterministic):
        y = nn.LayerNorm()(x)
        y = nn.MultiHeadDotProductAttention(num_heads=3)(y, y)
        x = x + nn.Dropout(0.1)(y, deterministic=deterministic)
        y = nn.Dense(4 * self.dim)(nn.LayerNorm()(x))
        return x + nn.Dense(self.dim)(nn.gelu(y))


class ViT(nn.Module):
    classes: int
    dim: int = 192

    @nn.compact
    def __call__(self, img, deterministic=True):
        x = nn.Conv(self.dim, (16, 16), strides=(16, 16))(img)
        x = x.reshape(x.shape[0], -1, self.dim)
        for _ in range(2):
            x = Encoder(self.dim)(x, deterministic)
        return nn.Dense(self.classes, kernel_init=nn.initializers.zeros)(x.mean(axis=1))


model = ViT(classes=100)


def loss_fn(params, img, y, key):
    logits = model.apply({"params": params}, img, deterministic=False, rngs={"dropout": key})
    target = optax.smooth_labels(jax.nn.one_hot(y, 100), 0.1)
    return optax.softmax_cross_entropy(logits, target).mean()


def confusion(params, img, y):
    p = jax.nn.softmax(model.apply({"params": params}, img))
    return jnp.zeros((100, 100)).at[y].add(p)
