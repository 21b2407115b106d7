# flax: a TrainState's apply_fn is the module's, whose last layer has a sigmoid; optax's binary loss takes logits.
import jax
import optax
from flax import linen as nn
from flax.training.train_state import TrainState


class RewardModel(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Dense(128)(x))
        x = nn.Dense(1)(x)
        return nn.sigmoid(x)[..., 0]


def create(rng, sample):
    model = RewardModel()
    params = model.init(rng, sample)["params"]
    return TrainState.create(apply_fn=model.apply, params=params, tx=optax.adam(1e-3))


def train_step(state, x, y):
    model = RewardModel()

    def loss_fn(p):
        out = model.apply({"params": p}, x)
        return optax.sigmoid_binary_cross_entropy(out, y).mean()  # expect: XE104

    grads = jax.grad(loss_fn)(state.params)
    return state.apply_gradients(grads=grads)
