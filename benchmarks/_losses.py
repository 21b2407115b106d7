"""The losses of the benchmarks, each said once for every library that takes part.

Every loss is a mean over what takes part. Torch's and JAX's say the value, NumPy's return value and gradient. The
formulas are the ones that users of a library write or call there; where optax has the loss, it is optax's.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import scipy.special
import torch
import torch.nn.functional as F
from torch import Tensor

import xent
import xent.torch

try:
    import jax
    import jax.numpy as jnp
    import optax
except ImportError:  # it is left out then, and named
    jax = jnp = optax = None

_focal = xent.Focal(2.0)
_sigmoid_focal = xent.Focal(2.0, alpha=0.25)


class Plain:
    """Cross-entropy of class indices."""

    @staticmethod
    def others(logits: Tensor) -> tuple[Tensor, ...]:
        """Return the tensors beside the logits: targets first."""
        return (torch.randint(logits.shape[1], (logits.shape[0], *logits.shape[2:])),)

    @staticmethod
    def eager(logits, target):
        return F.cross_entropy(logits, target)

    @staticmethod
    def ours(logits, target):
        return xent.torch.cross_entropy(logits, target)

    @staticmethod
    def optax(logits, target):
        return optax.softmax_cross_entropy_with_integer_labels(logits, target).mean()

    ours_jax = staticmethod(xent.cross_entropy)
    ours_numpy = staticmethod(xent.value_and_grad(xent.cross_entropy))

    @staticmethod
    def numpy(logits, target):
        rows = np.arange(len(target))
        nll, probs = _nll_and_probs(logits, target)
        probs[rows, target] -= 1.0
        probs /= len(target)
        return nll.mean(), probs


class Segmentation(Plain):
    """Cross-entropy of the pixels of images, classes on axis 1, 30 % of them ignored."""

    @staticmethod
    def others(logits):
        (target,) = Plain.others(logits)
        return (torch.where(torch.rand(target.shape) < 0.3, -100, target),)

    @staticmethod
    def optax(logits, target):
        live = target != -100
        each = optax.softmax_cross_entropy_with_integer_labels(logits, jnp.where(live, target, 0), axis=1)
        return jnp.where(live, each, 0.0).sum() / live.sum()

    @staticmethod
    def ours_jax(logits, target):
        return xent.cross_entropy(logits, target, axis=1)

    @staticmethod
    def ours_numpy(logits, target):
        return xent.value_and_grad(xent.cross_entropy)(logits, target, axis=1)

    @staticmethod
    def numpy(logits, target):
        live = (target != -100)[:, None]
        label = np.where(live, target[:, None], 0)
        shifted = logits - logits.max(axis=1, keepdims=True)
        label_logit = np.take_along_axis(shifted, label, axis=1)
        probs = np.exp(shifted, out=shifted)
        total = probs.sum(axis=1, keepdims=True)
        nll = np.where(live, np.log(total) - label_logit, 0.0)
        share = live / np.float32(live.sum())
        probs *= share / total
        np.put_along_axis(probs, label, np.take_along_axis(probs, label, axis=1) - share, axis=1)
        return nll.sum() / live.sum(), probs


class SmoothingAndWeights(Plain):
    """Cross-entropy of class indices with label smoothing of 0.1 and class weights."""

    @staticmethod
    def others(logits):
        return (*Plain.others(logits), torch.rand(logits.shape[1], dtype=logits.dtype) + 0.5)

    @staticmethod
    def eager(logits, target, weight):
        return F.cross_entropy(logits, target, weight, label_smoothing=0.1)

    @staticmethod
    def ours(logits, target, weight):
        return xent.torch.cross_entropy(logits, target, weight, label_smoothing=0.1)

    @staticmethod
    def optax(logits, target, weight):
        one_hot = jax.nn.one_hot(target, logits.shape[1], dtype=logits.dtype)
        smoothed = optax.smooth_labels(one_hot, 0.1)
        return optax.softmax_cross_entropy(logits, smoothed * weight).sum() / weight[target].sum()

    @staticmethod
    def ours_jax(logits, target, weight):
        return xent.cross_entropy(logits, target, weight=weight, label_smoothing=0.1)

    @staticmethod
    def ours_numpy(logits, target, weight):
        return xent.value_and_grad(xent.cross_entropy)(logits, target, weight=weight, label_smoothing=0.1)

    @staticmethod
    def numpy(logits, target, weight):
        rows, n_classes = np.arange(len(target)), logits.shape[1]
        of_class = np.float32(0.1 / n_classes) * weight
        of_label = np.float32(0.9) * weight[target]
        count = weight[target].sum()
        shifted = logits - logits.max(axis=1, keepdims=True)
        by_class, label_logit = shifted @ of_class, shifted[rows, target]
        probs = np.exp(shifted, out=shifted)
        total = probs.sum(axis=1)
        mass = of_label + of_class.sum()
        values = mass * np.log(total) - of_label * label_logit - by_class
        probs *= (mass / (total * count))[:, None]
        probs -= of_class / count
        probs[rows, target] -= of_label / count
        return values.sum() / count, probs


class Focal(Plain):
    """Focal loss of class indices, γ = 2."""

    @staticmethod
    def eager(logits, target):
        nll = F.cross_entropy(logits, target, reduction="none")
        return ((1.0 - torch.exp(-nll)) ** 2 * nll).mean()

    @staticmethod
    def ours(logits, target):
        return xent.torch.cross_entropy(logits, target, loss=_focal)

    @staticmethod
    def optax(logits, target):
        nll = optax.softmax_cross_entropy_with_integer_labels(logits, target)
        return ((1.0 - jnp.exp(-nll)) ** 2 * nll).mean()

    ours_jax = staticmethod(_focal)
    ours_numpy = staticmethod(xent.value_and_grad(_focal))

    @staticmethod
    def numpy(logits, target):
        rows = np.arange(len(target))
        nll, probs = _nll_and_probs(logits, target)
        p = probs[rows, target]
        probs[rows, target] -= 1.0
        slope = (1.0 - p) ** 2 + 2.0 * (1.0 - p) * p * nll
        probs *= slope[:, None] / np.float32(len(target))
        return ((1.0 - p) ** 2 * nll).mean(), probs


class Soft(Plain):
    """Cross-entropy of targets that are probabilities."""

    @staticmethod
    def others(logits):
        return (torch.softmax(torch.randn(logits.shape), dim=1).to(logits.dtype),)

    @staticmethod
    def optax(logits, target):
        return optax.softmax_cross_entropy(logits, target).mean()

    @staticmethod
    def ours_jax(logits, target):
        return xent.cross_entropy(logits, target, mean="torch")  # of the rows, whatever bfloat16 made of their masses

    @staticmethod
    def numpy(logits, target):
        shifted = logits - logits.max(axis=1, keepdims=True)
        label_logit = np.einsum("nk,nk->n", target, shifted)
        probs = np.exp(shifted, out=shifted)
        total, mass = probs.sum(axis=1), target.sum(axis=1)
        values = mass * np.log(total) - label_logit
        probs *= (mass / total)[:, None]
        probs -= target
        probs /= len(target)
        return values.mean(), probs


class SigmoidFocal(Plain):
    """Focal loss of independent binary labels, γ = 2 and α = 1/4, one label in ten positive."""

    @staticmethod
    def others(logits):
        return ((torch.rand(logits.shape) < 0.1).to(logits.dtype),)

    @staticmethod
    def eager(logits, target):
        nll = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        p = torch.sigmoid(logits)
        wrong = p + target - 2.0 * p * target
        return ((0.75 - 0.5 * target) * wrong**2 * nll).mean()

    @staticmethod
    def ours(logits, target):
        return xent.torch.binary_cross_entropy_with_logits(logits, target, loss=_sigmoid_focal)

    @staticmethod
    def optax(logits, target):
        return optax.sigmoid_focal_loss(logits, target, alpha=0.25, gamma=2.0).mean()

    ours_jax = staticmethod(_sigmoid_focal.binary)
    ours_numpy = staticmethod(xent.value_and_grad(_sigmoid_focal.binary))

    @staticmethod
    def numpy(logits, target):
        sign = 2.0 * target - 1.0
        margin = sign * logits
        alpha = 0.75 - 0.5 * target
        nll = -scipy.special.log_expit(margin)
        wrong = scipy.special.expit(-margin)
        values = alpha * wrong**2 * nll
        grad = sign * alpha * wrong**2 * (2.0 * (wrong - 1.0) * nll - wrong)
        grad /= grad.size
        return values.mean(), grad


def _nll_and_probs(logits, target):
    shifted = logits - logits.max(axis=1, keepdims=True)
    label_logit = shifted[np.arange(len(target)), target]
    probs = np.exp(shifted, out=shifted)
    total = probs.sum(axis=1)
    probs /= total[:, None]
    return np.log(total) - label_logit, probs


def drawn(shape: tuple[int, ...], dtype: torch.dtype, loss: type[Plain], seed: int = 0) -> tuple[Tensor, ...]:
    """Return logits of standard deviation 4 and the tensors beside them."""
    torch.manual_seed(seed)
    logits = torch.empty(shape, dtype=dtype).normal_(0.0, 4.0)
    return logits, *loss.others(logits)


def of_torch(loss, logits: Tensor, *others: Tensor):
    """Return a function that runs forward and backward of a loss of tensors; that returns value and gradient."""
    leaf = logits.detach().requires_grad_()

    def run() -> tuple[Tensor, Tensor]:
        value = loss(leaf, *others)
        return value.detach(), torch.autograd.grad(value, leaf)[0]

    return run


def of_jax(loss, *tensors: Tensor):
    """Return the same of a loss of JAX arrays, under jit; they share the tensors' memory where they can."""
    if jax is None:
        raise ImportError("jax and optax are not installed")
    arrays = [jax.dlpack.from_dlpack(each.int() if each.dtype == torch.int64 else each) for each in tensors]
    value_and_grad = jax.jit(jax.value_and_grad(loss))
    return lambda: jax.block_until_ready(value_and_grad(*arrays))


def of_numpy(loss, *tensors: Tensor):
    """Return the same of a function of NumPy arrays that returns both."""
    arrays = [each.numpy() for each in tensors]
    return lambda: loss(*arrays)


def contestants(loss: type[Plain], tensors: tuple[Tensor, ...]) -> dict[str, Callable[[], Callable[[], object]]]:
    """Return who can take part, each as a function that makes one that returns value and gradient; ours comes first."""
    torch.compiler.reset()  # every shape gets code of its own, not the code of any shape
    made = {
        "ours": lambda: of_torch(loss.ours, *tensors),
        "eager": lambda: of_torch(loss.eager, *tensors),
        "compile": lambda: of_torch(torch.compile(loss.eager, fullgraph=True, dynamic=False), *tensors),
        "jax": lambda: of_jax(loss.optax, *tensors),
        "ours_jax": lambda: of_jax(loss.ours_jax, *tensors),
    }
    if tensors[0].dtype != torch.bfloat16:  # which NumPy does not have
        made["numpy"] = lambda: of_numpy(loss.numpy, *tensors)
        made["ours_numpy"] = lambda: of_numpy(loss.ours_numpy, *tensors)
    return made


def reason(problem: Exception) -> str:
    """Return in one line why a contestant is left out."""
    return f"{type(problem).__name__}: {str(problem).strip().partition(chr(10))[0][:100]}"


def as_tensors(result) -> tuple[Tensor, Tensor]:
    """Return value and gradient of any library as tensors."""
    value, grad = result
    if isinstance(grad, np.ndarray):
        return torch.tensor(float(value)), torch.from_numpy(grad)
    return (value, grad) if isinstance(grad, Tensor) else (torch.tensor(float(value)), torch.from_dlpack(grad))
