# equinox: a single-example __call__ with softmax under vmap, and optax's loss on the batch.
import equinox as eqx
import jax
import jax.numpy as jnp
import optax


class MLP(eqx.Module):
    layers: list

    def __init__(self, key):
        k1, k2 = jax.random.split(key)
        self.layers = [eqx.nn.Linear(784, 128, key=k1), eqx.nn.Linear(128, 10, key=k2)]

    def __call__(self, x):
        x = jax.nn.relu(self.layers[0](x))
        return jax.nn.softmax(self.layers[1](x))


@eqx.filter_value_and_grad
def compute_loss(model: MLP, x, y):
    pred = jax.vmap(model)(x)
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(pred, y))  # expect: XE104
