# flax.nnx: __call__ ends in nnx.softmax; the loss is optax's with integer labels.
import jax.numpy as jnp
import optax
from flax import nnx


class Model(nnx.Module):
    def __init__(self, rngs: nnx.Rngs):
        self.l1 = nnx.Linear(64, 128, rngs=rngs)
        self.l2 = nnx.Linear(128, 10, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.l1(x))
        return nnx.softmax(self.l2(x))


def loss_fn(model: Model, x, y):
    logits = model(x)
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, y).mean()  # expect: XE104
    return loss, jnp.mean(logits.argmax(-1) == y)


@nnx.jit
def train_step(model: Model, optimizer: nnx.Optimizer, x, y):
    (loss, acc), grads = nnx.value_and_grad(loss_fn, has_aux=True)(model, x, y)
    optimizer.update(model, grads)
    return loss, acc
