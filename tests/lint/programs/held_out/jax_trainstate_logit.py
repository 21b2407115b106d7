# flax: the same reward model with the logit for the loss, and a sigmoid where the score is shown: right.
import jax
import jax.numpy as jnp
import optax
from flax import linen as nn


class RewardModel(nn.Module):
    @nn.compact
    def __call__(self, x):
        gate = nn.sigmoid(nn.Dense(x.shape[-1])(x))
        x = nn.relu(nn.Dense(128)(x * gate))
        return nn.Dense(1)(x)[..., 0]


model = RewardModel()


def preference_loss(params, better, worse):
    a = model.apply({"params": params}, better)
    b = model.apply({"params": params}, worse)
    return -jax.nn.log_sigmoid(a - b).mean()


def label_loss(params, x, y):
    return optax.sigmoid_binary_cross_entropy(model.apply({"params": params}, x), y).mean()


def show(params, x):
    p = jax.nn.sigmoid(model.apply({"params": params}, x))
    return p, p > 0.5, jnp.mean(p)
