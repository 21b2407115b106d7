# JAX attention with exp / sum(exp) spelled out.
import jax
import jax.numpy as jnp


@jax.jit
def attend(q, k, v):
    s = q @ k.T / jnp.sqrt(q.shape[-1])
    w = jnp.exp(s)
    w = w / jnp.sum(w, axis=-1, keepdims=True)  # expect: XE505
    return w @ v
