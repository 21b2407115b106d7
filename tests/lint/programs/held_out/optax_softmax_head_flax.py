# flax linen: the module's last line is a softmax and the loss is optax's with integer labels.
import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state


class CNN(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = nn.relu(nn.Conv(32, (3, 3))(x))
        x = nn.avg_pool(x, (2, 2), (2, 2))
        x = x.reshape((x.shape[0], -1))
        x = nn.Dense(10)(x)
        return nn.softmax(x)


model = CNN()


@jax.jit
def train_step(state: train_state.TrainState, images, labels):
    def loss_fn(params):
        probs = model.apply({"params": params}, images)
        ce = optax.softmax_cross_entropy_with_integer_labels(probs, labels)  # expect: XE104
        return ce.mean(), probs

    (loss, probs), grads = jax.value_and_grad(loss_fn, has_aux=True)(state.params)
    acc = jnp.mean(jnp.argmax(probs, -1) == labels)
    return state.apply_gradients(grads=grads), loss, acc
