# JAX: jnp.log of jax.nn.softmax inside the negative log likelihood.
import jax
import jax.numpy as jnp


def predict(params, x):
    for w, b in params[:-1]:
        x = jax.nn.relu(jnp.dot(x, w) + b)
    w, b = params[-1]
    return jax.nn.softmax(jnp.dot(x, w) + b)


def loss(params, x, onehot):
    return -jnp.mean(jnp.sum(onehot * jnp.log(predict(params, x)), axis=1))  # expect: XE501
