# JAX: a (N, 1) logit column against (N,) labels broadcasts silently inside the optax loss.
import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from sklearn.datasets import load_breast_cancer

X, y = load_breast_cancer(return_X_y=True)
X, y = jnp.asarray(X), jnp.asarray(y, dtype=jnp.float32)


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(nn.tanh(nn.Dense(32)(x)))


net = Net()
params = net.init(jax.random.PRNGKey(0), X)


def loss_fn(params):
    logits = net.apply(params, X)
    return optax.sigmoid_binary_cross_entropy(logits, y).mean()  # expect: XE602


def loss_flat(params):
    logits = net.apply(params, X)[:, 0]
    return optax.sigmoid_binary_cross_entropy(logits, y).mean()


grads = jax.grad(loss_fn)(params), jax.grad(loss_flat)(params)
