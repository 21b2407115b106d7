# flax nnx: dropout, an attention softmax inside, and logits to optax; softmax in the evaluation: right.
import jax
import jax.numpy as jnp
import optax
from flax import nnx


class Block(nnx.Module):
    def __init__(self, d, k, *, rngs: nnx.Rngs):
        self.q, self.kv = nnx.Linear(d, d, rngs=rngs), nnx.Linear(d, 2 * d, rngs=rngs)
        self.drop = nnx.Dropout(0.1, rngs=rngs)
        self.out = nnx.Linear(d, k, rngs=rngs)

    def __call__(self, x):
        k, v = jnp.split(self.kv(x), 2, axis=-1)
        w = jax.nn.softmax(self.q(x) @ k.swapaxes(-1, -2) / jnp.sqrt(x.shape[-1]), axis=-1)
        return self.out(self.drop(w @ v).mean(axis=1))


@nnx.jit
def train_step(model: Block, optimizer: nnx.Optimizer, x, y):
    def loss_fn(m: Block):
        return optax.softmax_cross_entropy_with_integer_labels(m(x), y).mean()

    loss, grads = nnx.value_and_grad(loss_fn)(model)
    optimizer.update(model, grads)
    return loss


@nnx.jit
def eval_step(model: Block, x, y):
    p = jax.nn.softmax(model(x))
    return jnp.mean(jnp.argmax(p, -1) == y), p.max(-1).mean()
