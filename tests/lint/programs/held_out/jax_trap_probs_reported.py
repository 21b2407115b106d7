# JAX: the loss function returns the softmax beside the loss as an auxiliary value: right.
import jax
import jax.numpy as jnp
import optax


def init(key, sizes):
    keys = jax.random.split(key, len(sizes))
    return [(jax.random.normal(k, (m, n)) * 0.01, jnp.zeros(n)) for k, m, n in zip(keys, sizes[:-1], sizes[1:])]


def forward(params, x):
    for w, b in params[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = params[-1]
    return x @ w + b


def loss_fn(params, x, y):
    logits = forward(params, x)
    loss = optax.losses.softmax_cross_entropy_with_integer_labels(logits, y).mean()
    return loss, jax.nn.softmax(logits)


@jax.jit
def step(params, opt_state, x, y):
    (loss, probs), grads = jax.value_and_grad(loss_fn, has_aux=True)(params, x, y)
    return grads, loss, jnp.mean(probs.argmax(-1) == y)
