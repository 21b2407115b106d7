# The largest of a row and a sink is subtracted, or their log-sum-exp: no exponent is above 0.
import jax
import jax.numpy as jnp


def attention(q, k, v, sink=None):
    logits = jnp.einsum("sd,td->st", q, k)
    m = logits.max(axis=-1)
    m = m if sink is None else jnp.maximum(m, sink)
    s = jnp.exp(logits - m[..., None])
    total = s.sum(axis=-1) + (0 if sink is None else jnp.exp(sink - m))
    s = s / total[..., None]
    return jnp.einsum("st,td->sd", s, v)


def action_weights(values, temperature, axis=0):
    scaled = values / temperature
    total = jax.scipy.special.logsumexp(scaled, axis=axis, keepdims=True)
    weights = jnp.exp(scaled - total)
    return weights / jnp.sum(weights, axis=axis, keepdims=True)
