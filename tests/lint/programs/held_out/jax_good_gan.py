# JAX: both sides of a GAN by optax's binary loss on logits, with stop_gradient on the fake of the critic's step: right.
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class D(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.leaky_relu(nn.Conv(64, (4, 4), strides=(2, 2))(x), 0.2)
        return nn.Dense(1)(x.reshape(x.shape[0], -1))


class G(nn.Module):
    @nn.compact
    def __call__(self, z):
        x = nn.relu(nn.Dense(7 * 7 * 64)(z)).reshape(-1, 7, 7, 64)
        return nn.tanh(nn.ConvTranspose(1, (4, 4), strides=(4, 4))(x))


d, g = D(), G()


def d_loss(pd, pg, real, z):
    fake = jax.lax.stop_gradient(g.apply(pg, z))
    r, f = d.apply(pd, real), d.apply(pd, fake)
    return (optax.sigmoid_binary_cross_entropy(r, jnp.ones_like(r)).mean()
            + optax.sigmoid_binary_cross_entropy(f, jnp.zeros_like(f)).mean())


def g_loss(pg, pd, z):
    f = d.apply(pd, g.apply(pg, z))
    return optax.sigmoid_binary_cross_entropy(f, jnp.ones_like(f)).mean()
