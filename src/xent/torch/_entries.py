"""The reduced loss of sigmoid entries by the compiled kernel, where the loss is one of its family of curves.

A pass for the value, one for the gradient once the upstream gradient is known; logits and target are kept for it as
they are. The kernel could make both in one pass, in two thirds of the time; but a gradient does not tell the logits of
a focal loss, which second derivatives need, and two tensors of their size would be kept.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from xent._options import BinaryOptions
from xent.losses import Loss
from xent.torch import _engines, _native, _plain
from xent.torch._native import DTYPES, address


class Entries(NamedTuple):
    """What a reduced loss of sigmoid entries is asked for, beside its tensors; weights are float64 and contiguous."""

    loss: Loss
    scale: float
    share: float  # what the sum over the entries is multiplied with
    live: Tensor | None  # booleans of the logits' shape
    weight: Tensor | None  # one a label, along the last axis, or one for all
    pos_weight: Tensor | None  # the same
    row_weight: Tensor | None  # one a row: of the other axes
    dtype: torch.dtype  # of the value


def entries_asked(
    loss: Loss, logits: Tensor, target: Tensor, live: Tensor | None, options: BinaryOptions, dtype: torch.dtype
) -> Entries | None:
    """Return what :func:`entries` is asked for, or None where the kernel does not serve it."""
    weights = (options.weight, options.pos_weight, options.sample_weight)
    if loss.binary_powers is None or not _serves(logits, target, live, *weights):
        return None
    if target.dtype not in DTYPES and target.dtype not in (torch.bool, torch.uint8):
        return None
    if target.shape != logits.shape or not (logits.is_contiguous() and target.is_contiguous()):
        return None
    labels, rows = logits.shape[-1:], logits.shape[:-1]
    weight, pos_weight = (None if each is None else _by_label(each) for each in weights[:2])
    if any(each is not None and each.shape not in ((), labels) for each in (weight, pos_weight)):
        return None
    row_weight = options.sample_weight
    if row_weight is not None and (row_weight.shape != rows or logits.dim() < 2):
        return None
    weight, pos_weight, row_weight = (
        None if each is None else each.to(torch.float64).contiguous() for each in (weight, pos_weight, row_weight)
    )
    if live is not None:
        live = live.expand(logits.shape).contiguous()

    share = 1.0
    if options.normalizer is not None:
        share = 1.0 / float(options.normalizer)
    elif options.reduction == "mean":
        count = float(logits.numel() if live is None else torch.count_nonzero(live))
        if options.mean == "weighted" and (weight is not None or row_weight is not None):
            by_label = torch.ones((), dtype=torch.float64) if weight is None else weight
            by_row = torch.ones((), dtype=torch.float64) if row_weight is None else row_weight.unsqueeze(-1)
            if live is None:
                count = float(by_label.expand(labels).sum() * by_row.expand(*rows, 1).sum())
            else:
                count = float((live * by_label * by_row).sum())
        if count == 0.0:
            return None
        share = 1.0 / count
    return Entries(loss, 1.0 / options.temperature, share, live, weight, pos_weight, row_weight, dtype)


def _by_label(weight: Tensor) -> Tensor:
    """Return the weights without leading axes along which they are one number."""
    while weight.dim() > 0 and (weight.shape[0] == 1 or weight.stride(0) == 0):
        weight = weight[0]
    return weight


def _serves(logits: Tensor, *others: Tensor | None) -> bool:
    return (
        _engines.is_eager(logits, *others) and logits.is_cpu and logits.dtype in DTYPES and _native.compiled is not None
    )


def entries(logits: Tensor, target: Tensor, asked: Entries) -> Tensor:
    """Return the reduced loss of sigmoid entries."""
    if logits.requires_grad and torch.is_grad_enabled():
        value: Tensor = _Entries.apply(logits, target, asked)  # type: ignore[no-untyped-call]
        return value
    return _value(logits, target, asked)


def _value(logits: Tensor, target: Tensor, asked: Entries) -> Tensor:
    total = _call_elements(logits, target, asked, None, asked.share)
    return torch.tensor(asked.share * total, dtype=asked.dtype)


def _call_elements(logits: Tensor, target: Tensor, asked: Entries, dlogits: Tensor | None, upstream: float) -> float:
    is_byte = target.dtype not in DTYPES
    loss, weight, pos_weight = asked.loss, asked.weight, asked.pos_weight
    factor_one, factor_zero = loss.binary_factors
    # A weight that all entries share is a factor; only one of 0 is not, since that leaves out even what is infinite.
    if pos_weight is not None and pos_weight.dim() == 0:
        factor_one *= pos_weight.item()
        pos_weight = None
    if weight is not None and weight.dim() == 0 and weight.item() != 0.0:
        factor_one *= weight.item()
        factor_zero *= weight.item()
        weight = None
    n_labels = logits.shape[-1] if logits.dim() > 0 else 1
    weight, pos_weight = (None if each is None else each.expand(n_labels).contiguous() for each in (weight, pos_weight))
    total: float = _native.compiled.elements(
        logits.data_ptr(),
        DTYPES[logits.dtype],
        logits.numel() // n_labels,
        n_labels,
        asked.scale,
        target.data_ptr(),
        0 if is_byte else DTYPES[target.dtype],
        is_byte,
        address(asked.live),
        address(pos_weight),
        address(weight),
        address(asked.row_weight),
        factor_one,
        factor_zero,
        loss.label_smoothing * (1.0 if loss.smoothing == "uniform" else 2.0),  # ε (1 - t) is 2ε/2 - ε t
        *(loss.binary_powers or ()),
        upstream,
        address(dlogits),
        _native.threads(logits),
    )
    return total


class _Entries(Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, asked: Entries) -> Tensor:
        ctx.save_for_backward(logits, target, asked.live, asked.weight, asked.pos_weight, asked.row_weight)
        ctx.asked = asked
        return _value(logits, target, asked)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        logits, target, live, weight, pos_weight, row_weight = ctx.saved_tensors
        asked = ctx.asked._replace(live=live, weight=weight, pos_weight=pos_weight, row_weight=row_weight)
        again = torch.is_grad_enabled()
        if again or _engines.is_batched(upstream):
            if row_weight is not None:
                each = row_weight.view(*logits.shape[:-1], 1)
                weight = each if weight is None else weight * each
            with torch.enable_grad():
                values = _plain.entry_values(asked.loss, logits, target, weight, pos_weight, live, asked.scale, None)
                value = asked.share * values.sum()
            (dlogits,) = torch.autograd.grad(value, logits, upstream.to(value.dtype), create_graph=again)
        else:
            dlogits = _native.empty_gradient(logits)
            _call_elements(logits, target, asked, dlogits, asked.share * upstream.item())
        return dlogits, None, None
