# The largest of a row and a sink is subtracted: no exponent is above 0.
import jax.numpy as jnp


def attention(q, k, v, sink=None):
    logits = jnp.einsum("sd,td->st", q, k)
    m = logits.max(axis=-1)
    m = m if sink is None else jnp.maximum(m, sink)
    s = jnp.exp(logits - m[..., None])
    total = s.sum(axis=-1) + (0 if sink is None else jnp.exp(sink - m))
    s = s / total[..., None]
    return jnp.einsum("st,td->sd", s, v)
