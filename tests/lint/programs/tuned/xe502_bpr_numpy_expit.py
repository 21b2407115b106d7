# Reward model in JAX and its check in NumPy: log of a sigmoid of the margin.
import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import expit


def preference_loss(params, apply, chosen, rejected):
    margin = apply(params, chosen) - apply(params, rejected)
    return -jnp.log(jax.nn.sigmoid(margin)).mean()  # expect: XE502


def check(margin: np.ndarray) -> float:
    return float(-np.log(expit(margin)).mean())  # expect: XE502
