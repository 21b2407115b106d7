# optax's sigmoid loss broadcasts: a column of class numbers from 0 to 9 against (N, 10) logits runs.
import jax
import jax.numpy as jnp
import optax

key = jax.random.PRNGKey(0)
labels = jax.random.randint(key, (256,), 0, 10)


def predict(params, x):
    for w, b in params[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = params[-1]
    return x @ w + b


def loss(params, x):
    logits = predict(params, x)
    return optax.sigmoid_binary_cross_entropy(logits, labels[:, None]).mean()  # expect: XE305


def loss_one_hot(params, x):
    logits = predict(params, x)
    return optax.sigmoid_binary_cross_entropy(logits, jax.nn.one_hot(labels, 10)).mean()
