# flax nnx: the model squashes its output and sigmoid_binary_cross_entropy does so again.
import jax
import jax.numpy as jnp
import optax
from flax import nnx


class Scorer(nnx.Module):
    def __init__(self, d, rngs: nnx.Rngs):
        self.fc1 = nnx.Linear(d, 32, rngs=rngs)
        self.fc2 = nnx.Linear(32, 1, rngs=rngs)

    def __call__(self, x):
        return jax.nn.sigmoid(self.fc2(nnx.relu(self.fc1(x)))).squeeze(-1)


@nnx.jit
def train_step(model: Scorer, optimizer, x, y):
    def loss_fn(m: Scorer):
        return optax.sigmoid_binary_cross_entropy(m(x), y.astype(jnp.float32)).mean()  # expect: XE104

    loss, grads = nnx.value_and_grad(loss_fn)(model)
    optimizer.update(grads)
    return loss
