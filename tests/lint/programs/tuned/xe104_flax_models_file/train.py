import jax
import jax.numpy as jnp
import optax

import models as M

net = M.MLP()
params = net.init(jax.random.PRNGKey(0), jnp.zeros((1, 30)))
tx = optax.adam(1e-3)
opt_state = tx.init(params)


@jax.jit
def step(params, opt_state, x, y, key):
    def loss_fn(p):
        out = net.apply(p, x, train=True, rngs={"dropout": key})
        onehot = jax.nn.one_hot(y, 4)
        return optax.softmax_cross_entropy(out, onehot).mean()  # expect: XE104

    grads = jax.grad(loss_fn)(params)
    updates, opt_state = tx.update(grads, opt_state, params)
    return optax.apply_updates(params, updates), opt_state
