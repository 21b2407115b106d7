"""The loss of softmax rows as operators of torch: one node each way for torch.compile and torch.export.

``xent::row_loss`` returns the loss of each row and statistics from which ``xent::row_loss_backward`` makes the gradient
by the logits. Differentiable once, and by the logits only; what else is asked for, :mod:`xent.torch._plain` serves.
Classes are along the last axis of the logits; values have the dtype that is computed in; the statistics are, along a
new first axis, the largest logit, log Σ exp(z - largest), and the label's logit relative to the largest.
"""

from __future__ import annotations

import functools
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from xent.losses import Loss, get_loss
from xent.torch import _native, _plain, _rows

_loss_of = functools.lru_cache(maxsize=256)(get_loss)


def row_values(
    loss: Loss,
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    scale: float,
    softcap: float | None,
    offset: Tensor | None,
) -> Tensor:
    """Return the loss of each row, by the operator."""
    values: Tensor = row_loss(logits, target, weight, offset, _text(loss), ignore_index, scale, softcap)[0]
    return values


def constant(value: Any) -> Any:
    """Return the number that a tracer's symbol stands for: what is compiled is for that number alone."""
    from torch.fx.experimental.symbolic_shapes import guard_scalar

    if isinstance(value, tuple):
        return tuple(constant(each) for each in value)
    return guard_scalar(value) if isinstance(value, (int, float)) else value


def _text(loss: Loss) -> str:
    """Return what :func:`xent.losses.describe` does, of a loss whose numbers may be symbols."""
    values = {field.name: constant(getattr(loss, field.name)) for field in fields(loss)}
    said = [f"{field.name}={values[field.name]!r}" for field in fields(loss) if values[field.name] != field.default]
    return loss.name + (f"({', '.join(said)})" if said else "")


def _rows_impl(
    loss: Loss,
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None,
    offset: Tensor | None,
    ignore_index: int,
    scale: float,
    softcap: float | None,
) -> tuple[Tensor, Tensor]:
    """Return the loss of each row, and its statistics: none where the plain formula serves, which makes its own."""
    if _rows.serves(loss, logits, target, weight, offset):
        made = _rows.make(logits, target, weight, offset, _rows.Call(loss, ignore_index, scale, softcap))
        values = made.values.to(_plain.compute_dtype(logits, target, weight))
        return values, torch.stack(
            [*(each.to(torch.float64).view(values.shape) for each in made.stats[:2]), *made.coefficients]
        )
    values = _plain.row_values(loss, logits, target, weight, ignore_index, scale, softcap, offset)
    return values, torch.zeros((5, *values.shape), dtype=torch.float64, device=values.device)


def _rows_backward_impl(
    loss: Loss,
    upstream: Tensor,
    logits: Tensor,
    target: Tensor,
    stats: Tensor,
    weight: Tensor | None,
    offset: Tensor | None,
    ignore_index: int,
    scale: float,
    softcap: float | None,
) -> Tensor:
    """Return the gradient by the logits, in their dtype: Σ_k g_k (p - onehot_k) with g the upstream of each nll."""
    if _rows.serves(loss, logits, target, weight, offset):
        top, log_sum = stats[:2].reshape(2, -1)
        made = _rows.Made(top, _native.RowStats(top, log_sum, top, None), stats[2:])
        call = _rows.Call(loss, ignore_index, scale, softcap)
        return _rows.gradient(upstream, logits, target, weight, offset, made, call)
    asked = _plain.Asked.by(loss, logits, target, weight, ignore_index)
    rows = _plain.Rows.of(_plain.transformed(asked.logits, scale, softcap, offset))
    nll = rows.nll()
    probs, others = torch.exp(-nll), -torch.expm1(-nll)
    each = upstream.to(nll.dtype).unsqueeze(-1)
    if asked.ignored is not None:
        each = torch.where(asked.ignored, 0.0, each)
    of_label = loss.curve(rows.nll(asked.label)).slope
    if asked.coef is not None:
        of_label = _plain.times(asked.coef, of_label)
    of_label = each * of_label
    if asked.label is not None:
        of_label = torch.zeros_like(nll).scatter(-1, asked.label, of_label)
    dlogits = probs * (of_label.sum(-1, keepdim=True) - of_label) - others * of_label
    if loss.z_loss != 0:
        by_lse = 2.0 * loss.z_loss * each * (rows.top + rows.log_sum)
        dlogits = dlogits + probs * (by_lse if asked.mass is None else _plain.times(asked.mass, by_lse))
    if softcap is not None:
        dlogits = dlogits * (1.0 - torch.tanh(asked.logits / softcap) ** 2)
    dlogits = torch.where(each == 0, 0.0, dlogits * scale + rows.poison)
    return torch.empty_like(logits).copy_(dlogits)  # as the logits lie in memory


@torch.library.custom_op("xent::row_loss", mutates_args=())
def row_loss(
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None,
    offset: Tensor | None,
    loss: str,
    ignore_index: int,
    scale: float,
    softcap: float | None,
) -> tuple[Tensor, Tensor]:
    """Return the loss of each row, and its statistics."""
    return _rows_impl(_loss_of(loss), logits, target, weight, offset, ignore_index, scale, softcap)


@torch.library.custom_op("xent::row_loss_backward", mutates_args=())
def row_loss_backward(
    upstream: Tensor,
    logits: Tensor,
    target: Tensor,
    stats: Tensor,
    weight: Tensor | None,
    offset: Tensor | None,
    loss: str,
    ignore_index: int,
    scale: float,
    softcap: float | None,
) -> Tensor:
    """Return the gradient by the logits, of their dtype and layout."""
    which = _loss_of(loss)
    return _rows_backward_impl(which, upstream, logits, target, stats, weight, offset, ignore_index, scale, softcap)


@row_loss.register_fake
def _(logits: Tensor, target: Tensor, weight: Tensor | None, *_: Any) -> tuple[Tensor, Tensor]:
    dtype, rows = _plain.compute_dtype(logits, target, weight), logits.shape[:-1]
    return logits.new_empty(rows, dtype=dtype), logits.new_empty((5, *rows), dtype=torch.float64)


@row_loss_backward.register_fake
def _(upstream: Tensor, logits: Tensor, *_: Any) -> Tensor:
    return torch.empty_like(logits)


def _save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    logits, target, weight, offset, *ctx.options = inputs
    ctx.save_for_backward(logits, target, output[1], weight, offset)


def _backward(ctx: Any, upstream: Tensor, of_stats: Tensor | None) -> tuple[Tensor | None, ...]:
    return row_loss_backward(upstream, *ctx.saved_tensors, *ctx.options), *([None] * 7)


row_loss.register_autograd(_backward, setup_context=_save)


@row_loss.register_vmap
def _(info: Any, dims: Any, *args: Any) -> tuple[tuple[Tensor, Tensor], tuple[int, int]]:
    if dims[2] is not None or dims[3] is not None:  # a weight or an offset for each example
        values, stats = zip(*(row_loss(*each) for each in _examples(info.batch_size, dims, args)), strict=True)
        return (torch.stack(values), torch.stack(stats)), (0, 0)
    logits, target = (_first(info.batch_size, dims[i], args[i]) for i in range(2))
    return row_loss(logits, target, *args[2:]), (0, 1)


@row_loss_backward.register_vmap
def _(info: Any, dims: Any, *args: Any) -> tuple[Tensor, int]:
    if dims[4] is not None or dims[5] is not None:
        return torch.stack([row_loss_backward(*each) for each in _examples(info.batch_size, dims, args)]), 0
    upstream, logits, target = (_first(info.batch_size, dims[i], args[i]) for i in range(3))
    stats = _first(info.batch_size, dims[3], args[3]).movedim(0, 1)
    return row_loss_backward(upstream, logits, target, stats, *args[4:]), 0


def _first(size: int, dim: int | None, tensor: Tensor) -> Tensor:
    """Return the tensor with the axis of the examples first."""
    return tensor.expand(size, *tensor.shape) if dim is None else tensor.movedim(dim, 0)


def _examples(size: int, dims: Any, args: tuple[Any, ...]) -> list[list[Any]]:
    pairs = list(zip(dims, args, strict=True))
    return [[arg if dim is None else arg.select(dim, i) for dim, arg in pairs] for i in range(size)]
