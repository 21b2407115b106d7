"""Which kernels serve which tensors: the compiled ones those of the CPU, Triton's those of a GPU.

Where none may serve - a transform of torch.func at work, a mode that wants to see every operator, a subclass of
tensors, forward differentiation, a compiler that is tracing - the plain formula does.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from xent.torch import _native

TENSORS = (Tensor, torch.nn.Parameter)
_transforms = torch._C._functorch.peek_interpreter_stack
_modes = torch._C._len_torch_dispatch_stack


def engine_for(logits: Tensor, *others: Tensor | None) -> Any:
    """Return the module whose row_stats and row_grad serve these, the classes along the logits' last axis, or None.

    Of the tensors, the logits alone may need a gradient.
    """
    if not is_eager(logits, *others):
        return None
    if logits.is_cpu:
        return _native if _native.supports(logits) else None
    if logits.is_cuda:
        triton = _triton()
        return triton if triton is not None and triton.supports(logits) else None
    return None


def is_eager(logits: Tensor, *others: Tensor | None) -> bool:
    """Return whether these are plain tensors of one device that are computed with now, not traced or transformed."""
    if torch.compiler.is_compiling() or _transforms() is not None or _modes() or forward_ad._current_level >= 0:
        return False
    if not _is_plain(logits):
        return False
    device = logits.device
    for each in others:
        if each is not None and (not _is_plain(each) or each.requires_grad or each.device != device):
            return False
    return True


def is_batched(upstream: Tensor) -> bool:
    """Return whether this is a batch of upstream gradients at once, as ``is_grads_batched=True`` makes them."""
    functorch = torch._C._functorch
    return (
        _transforms() is not None or functorch.is_legacy_batchedtensor(upstream) or functorch.is_batchedtensor(upstream)
    )


def _is_plain(tensor: Tensor) -> bool:
    return type(tensor) in TENSORS and tensor.layout is torch.strided and not tensor.is_neg() and tensor.numel() > 0


@functools.cache
def _triton() -> ModuleType | None:
    try:
        from xent.kernels import triton
    except ImportError:
        return None
    return triton
