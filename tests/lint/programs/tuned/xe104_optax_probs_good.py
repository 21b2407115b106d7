# A flax module that gives logits; the step returns softmax probabilities beside the loss for the metrics.
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state


class CNN(nn.Module):
    num_classes: int = 10

    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), strides=(2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.relu(nn.Dense(256)(x))
        return nn.Dense(self.num_classes)(x)


def create_state(rng, sample):
    model = CNN()
    params = model.init(rng, sample)["params"]
    return train_state.TrainState.create(apply_fn=model.apply, params=params, tx=optax.adam(1e-3))


@jax.jit
def train_step(state, images, labels):
    def loss_fn(params):
        logits = CNN().apply({"params": params}, images)
        loss = optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return loss, logits

    (loss, logits), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    probs = jax.nn.softmax(logits, axis=-1)
    acc = jnp.mean(jnp.argmax(probs, -1) == labels)
    return state.apply_gradients(grads=grads), loss, acc
