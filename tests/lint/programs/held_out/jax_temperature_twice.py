# JAX: the sampler divides the logits by the temperature, and divides them again inside the softmax.
import jax
import jax.numpy as jnp


def sample(key, logits, temperature=0.7):
    scaled = logits / temperature
    probs = jax.nn.softmax(scaled / temperature, axis=-1)  # expect: XE309
    return jax.random.choice(key, logits.shape[-1], p=probs)


def sample_once(key, logits, temperature=0.7):
    return jax.random.categorical(key, logits / temperature, axis=-1)
