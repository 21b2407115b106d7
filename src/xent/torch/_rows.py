"""Every loss, row by row, by the kernels.

One pass is for the rows' statistics, of which a curve makes values, and one for the gradient once the upstream gradient
is known. What is kept for backward is the logits and a few numbers a row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from xent.losses import Loss
from xent.torch import _engines, _plain


class Call(NamedTuple):
    """What a loss of rows is asked for, beside its tensors; classes lie along the last axis."""

    loss: Loss
    ignore_index: int
    scale: float
    softcap: float | None


class Made(NamedTuple):
    """The values of the rows, and what their gradient is made of."""

    values: Tensor  # float64
    stats: Any  # RowStats of the kernels: the largest logit of each row and log Σ exp(z - it) come first
    coefficients: Tensor  # (3, rows), per unit of upstream: of softmax, target, class_coef


def serves(loss: Loss, logits: Tensor, target: Tensor, *others: Tensor | None) -> bool:
    """Return whether :func:`row_values` may be given these. A curve at every class of a row is no kernel's work."""
    if not loss.linear and (loss.label_smoothing != 0 or not _plain.is_index(logits, target)):
        return False
    if smooths_beyond_uniform(loss, logits.shape[-1]):
        return False
    return _engines.engine_for(logits, target, *others) is not None


def smooths_beyond_uniform(loss: Loss, n_classes: int) -> bool:
    """Return whether smoothing leaves the target less than the others: in the kernels' parts that would cancel."""
    return loss.smoothing == "others" and loss.mixture(n_classes)[0] < 0


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
    """Return the loss of each row, float64; the classes lie along the last axis."""
    call = Call(loss, ignore_index, scale, softcap)
    if logits.requires_grad and torch.is_grad_enabled():
        values: Tensor = _Rows.apply(logits, target, weight, offset, call)  # type: ignore[no-untyped-call]
        return values
    return make(logits, target, weight, offset, call).values


def make(logits: Tensor, target: Tensor, weight: Tensor | None, offset: Tensor | None, call: Call) -> Made:
    """Return the values of the rows, and what their gradient is made of."""
    loss, rows = call.loss, logits.shape[:-1]
    keep, spread = loss.mixture(logits.shape[-1])
    classes = _classes(logits, weight)
    class_coef = _class_coef(loss, logits, weight)
    asked = _asked(logits, target, weight)
    stats = _engines.engine_for(logits, target, weight, offset).row_stats(
        logits,
        asked,
        class_coef,
        scale=call.scale,
        softcap=call.softcap,
        offset=offset,
        ignore_index=call.ignore_index,
    )
    log_sum, target_logit = (each.to(torch.float64).view(rows) for each in stats[1:3])

    if _plain.is_index(logits, target):
        live = target != call.ignore_index
        label = torch.where(live, target, 0).long()
        mass = torch.where(live, classes[label], 0.0)
        of_target = mass
        if loss.class_factor is not None:
            of_target = mass * _plain.class_factor(loss, logits.shape[-1], torch.float64, logits.device)[label]
    else:
        known = getattr(stats, "target_mass", None)
        mass = asked.sum(-1, dtype=torch.float64) if known is None else known.view(rows)
        live = mass != 0
        if not logits.is_cpu or not live.all():  # torch allows a target whose probabilities cancel
            live = (asked != 0).any(-1)
        of_target = live.to(torch.float64)
    if loss.linear:
        # Smoothing asks for something where a row of probabilities is all 0, as torch has it.
        of_class = spread * (live if _plain.is_index(logits, target) else torch.ones_like(live)).to(torch.float64)
        class_mass = 0.0 if class_coef is None else class_coef.sum()
        coefficients = torch.stack([keep * mass + class_mass * of_class, -keep * of_target, -of_class])
        values = _plain.times(coefficients[0], log_sum) + _plain.times(coefficients[1], target_logit)
        if class_coef is not None:
            values = values + _plain.times(coefficients[2], stats.mean_logit.to(torch.float64).view(rows))
    else:
        value, slope = loss.curve(log_sum - target_logit)
        values, slope = _plain.times(of_target, value), _plain.times(of_target, slope)
        coefficients = torch.stack([slope, -slope, torch.zeros_like(slope)])
    if loss.z_loss != 0:
        lse = stats.max.to(torch.float64).view(rows) + log_sum
        values = values + _plain.times(mass, loss.z_loss * lse * lse)
        coefficients[0] += _plain.times(mass, 2.0 * loss.z_loss * lse)
    return Made(values, stats, coefficients)


def gradient(
    upstream: Tensor,
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None,
    offset: Tensor | None,
    made: Made,
    call: Call,
) -> Tensor:
    """Return the gradient by the logits, in their dtype and memory order; exact zeros where ``upstream`` is 0."""
    upstream = upstream.to(torch.float64)
    coefficients = torch.where(upstream == 0, 0.0, made.coefficients * upstream).reshape(3, -1)
    engine = _engines.engine_for(logits.detach(), target, weight, offset)
    dlogits: Tensor = engine.row_grad(
        logits,
        coefficients[0],
        coefficients[1],
        _asked(logits, target, weight),
        coefficients[2],
        _class_coef(call.loss, logits, weight),
        scale=call.scale,
        softcap=call.softcap,
        offset=offset,
        stats=made.stats,
        ignore_index=call.ignore_index,
    )
    return dlogits


def _classes(logits: Tensor, weight: Tensor | None) -> Tensor:
    if weight is None:
        return torch.ones(logits.shape[-1], dtype=torch.float64, device=logits.device)
    return weight.to(torch.float64)


def _class_coef(loss: Loss, logits: Tensor, weight: Tensor | None) -> Tensor | None:
    """Return what each class adds to a row whatever its target, if there is any smoothing."""
    n_classes = logits.shape[-1]
    return None if loss.mixture(n_classes)[1] == 0 else _classes(logits, weight) / n_classes


def _asked(logits: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """Return class indices as they are, probabilities times the class weights."""
    if weight is None or _plain.is_index(logits, target):
        return target
    return target * weight.to(_plain.compute_dtype(target, weight))


class _Rows(Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, target: Tensor, weight: Tensor | None, offset: Tensor | None, call: Call
    ) -> Tensor:
        made = make(logits, target, weight, offset, call)
        ctx.save_for_backward(logits, target, weight, offset)
        ctx.made, ctx.call = made._replace(values=made.coefficients), call  # an output would hold its own graph
        return made.values

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, None, None, None, None]:
        logits, target, weight, offset = ctx.saved_tensors
        again = torch.is_grad_enabled()
        # The gradient may be asked for where the value was not: inside a mode that sees every operator.
        if (
            again
            or _engines.is_batched(upstream)
            or _engines.engine_for(logits.detach(), target, weight, offset) is None
        ):
            loss, ignore_index, scale, softcap = ctx.call
            with torch.enable_grad():
                values = _plain.row_values(loss, logits, target, weight, ignore_index, scale, softcap, offset)
            (dlogits,) = torch.autograd.grad(values, logits, upstream.to(values.dtype), create_graph=again)
        else:
            dlogits = gradient(upstream, logits, target, weight, offset, ctx.made, ctx.call)
        return dlogits, None, None, None, None
