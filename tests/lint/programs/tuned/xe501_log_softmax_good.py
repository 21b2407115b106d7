# log_softmax in torch, SciPy and JAX; and a log of probabilities that come from outside.
import jax
import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import log_softmax, logsumexp


def nll_np(logits: np.ndarray, y: np.ndarray) -> float:
    return -log_softmax(logits, axis=1)[np.arange(len(y)), y].mean()


def nll_lse(logits: np.ndarray, y: np.ndarray) -> float:
    return (logsumexp(logits, axis=1) - logits[np.arange(len(y)), y]).mean()


def nll_torch(logits, y):
    return F.nll_loss(F.log_softmax(logits, dim=-1), y)


def nll_jax(logits, y):
    return -jax.nn.log_softmax(logits)[jax.numpy.arange(len(y)), y].mean()


def prior_entropy(counts: torch.Tensor) -> torch.Tensor:
    p = counts / counts.sum()
    return -(p[p > 0] * torch.log(p[p > 0])).sum()
