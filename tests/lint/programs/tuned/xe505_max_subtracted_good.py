# Softmax from scratch with the maximum taken off first, in NumPy, JAX and torch.
import jax.numpy as jnp
import numpy as np
import torch


def softmax_np(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def softmax_jnp(z):
    z = z - jnp.max(z, axis=-1, keepdims=True)
    return jnp.exp(z) / jnp.sum(jnp.exp(z), axis=-1, keepdims=True)


def attention(q, k, v):
    s = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
    s = s - s.amax(dim=-1, keepdim=True)
    w = s.exp()
    return (w / w.sum(dim=-1, keepdim=True)) @ v


def share(counts):
    return counts / counts.sum()


def stable_logits(logits):
    return torch.exp(logits - torch.logsumexp(logits, dim=-1, keepdim=True))
