# Pure JAX: the network function ends in jax.nn.sigmoid and optax.sigmoid_binary_cross_entropy wants logits.
import jax
import jax.numpy as jnp
import optax


def init(key, sizes):
    keys = jax.random.split(key, len(sizes) - 1)
    return [
        (jax.random.normal(k, (m, n)) * jnp.sqrt(2.0 / m), jnp.zeros(n)) for k, m, n in zip(keys, sizes, sizes[1:])
    ]


def net(params, x):
    for w, b in params[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = params[-1]
    return jax.nn.sigmoid(x @ w + b)[:, 0]


def objective(params, x, y):
    return optax.sigmoid_binary_cross_entropy(net(params, x), y).mean()  # expect: XE104


tx = optax.adamw(3e-4)


@jax.jit
def update(params, opt_state, x, y):
    l, g = jax.value_and_grad(objective)(params, x, y)
    updates, opt_state = tx.update(g, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, l
