# JAX sampling: logits over the temperature once, then categorical, which takes logits.
import jax
import jax.numpy as jnp


def sample(key, logits, temperature=0.7, top_k=40):
    logits = logits / temperature
    kth = jnp.sort(logits, axis=-1)[..., -top_k, None]
    logits = jnp.where(logits < kth, -jnp.inf, logits)
    return jax.random.categorical(key, logits, axis=-1)
