"""The gradient of a reduced loss as a function of logits that are no longer there.

A gradient  by_softmax · softmax - of_target  tells the probabilities, since the rest of it is known and both factors
have one sign; and they tell how it changes with the logits. So one tensor of the logits' size is kept for derivatives
of every order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from xent.losses import Loss
from xent.torch import _plain


class Reduction(NamedTuple):
    """How the rows become a number; ``row_weight`` is one float64 a row, or None."""

    mean: bool  # over the weights of class indices, over the rows of probabilities
    normalizer: float | None = None
    when_empty: float = float("nan")
    row_weight: Tensor | None = None
    dtype: torch.dtype | None = None  # of the value; None: that of the logits

    def share(self, denominator: float) -> float:
        """Return what the sum over the rows is multiplied with."""
        return 1.0 if not self.mean else 1.0 / denominator if denominator != 0.0 else 0.0


class Call(NamedTuple):
    """What a reduced loss is asked for, beside its tensors."""

    loss: Loss
    axis: int
    ignore_index: int
    scale: float
    how: Reduction


def weighted(target: Tensor, weight: Tensor, axis: int) -> Tensor:
    """Return probabilities times the class weights."""
    by_class = weight.view([-1 if i == axis else 1 for i in range(target.dim())])
    return target * by_class.to(_plain.compute_dtype(target, weight))


def regained_gradient(
    dlogits: Tensor,
    stand_in: Tensor,
    nll: Tensor | None,
    target: Tensor,
    weight: Tensor | None,
    call: Call,
    denominator: float,
) -> Tensor:
    """Return the gradient as a function of the logits, which it is known without."""
    axis, scale = call.axis, call.scale
    dtype = _plain.compute_dtype(dlogits)
    parts = _Parts.of(dlogits.shape, dtype, target, weight, call, denominator)
    nll = None if nll is None else nll.view([1 if i == axis else size for i, size in enumerate(dlogits.shape)])
    of_target = parts.of_target(nll, call.loss)
    by_softmax = of_target.sum(axis, keepdim=True)
    known = torch.where(by_softmax == 0, 0.0, (dlogits.to(dtype) / scale + of_target) / by_softmax)
    probs = _Softmax.apply(stand_in, known, axis, scale)  # type: ignore[no-untyped-call]
    if nll is not None and parts.label is not None:
        of_label = torch.zeros_like(probs).scatter(axis, parts.label, 1.0)
        nll = _Known.apply(stand_in, nll, probs - of_label, scale)  # type: ignore[no-untyped-call]
        of_target = parts.of_target(nll, call.loss)
        by_softmax = of_target.sum(axis, keepdim=True)
    live = (by_softmax != 0) | (of_target != 0).any(axis, keepdim=True)
    formula = scale * (by_softmax * torch.where(live, probs, 0.0) - of_target)
    # Its value is known better than by the formula of its derivatives, in which p - 1 has lost its digits.
    return dlogits + (formula - formula.detach()).to(stand_in.dtype)


class _Parts(NamedTuple):
    """What a gradient  by_softmax · softmax - of_target  is made of."""

    constant: Tensor  # the smoothed, weighted target times the row's share; of a curved loss the label's place alone
    by_slope: Tensor | None  # what multiplies the slope of a curved loss, one a row
    label: Tensor | None

    @classmethod
    def of(
        cls,
        shape: torch.Size,
        dtype: torch.dtype,
        target: Tensor,
        weight: Tensor | None,
        call: Call,
        denominator: float,
    ) -> _Parts:
        """Find them for logits of this shape."""
        loss, axis, ignore_index, _, how = call
        keep, spread = loss.mixture(shape[axis])
        classes = torch.ones(shape[axis], dtype=dtype) if weight is None else weight.to(dtype)
        by_class = classes.view([-1 if i == axis else 1 for i in range(len(shape))]) * (spread / shape[axis])
        rows = [1 if i == axis else size for i, size in enumerate(shape)]
        shares = torch.full(rows, how.share(denominator), dtype=dtype)
        if how.row_weight is not None:
            shares = shares * how.row_weight.to(dtype).view(rows)
        if target.dim() == len(shape):
            asked = (target if weight is None else weighted(target, weight, axis)).to(dtype)
            return cls(shares * (keep * asked + by_class), None, None)
        ignored = (target == ignore_index).unsqueeze(axis)
        label = torch.where(ignored, 0, target.unsqueeze(axis).long())
        shares = torch.where(ignored, 0.0, shares)
        mass = classes[label]
        if loss.linear:
            of_label = torch.zeros(shape, dtype=dtype).scatter(axis, label, keep * mass)
            return cls(shares * (of_label + by_class), None, label)
        by_slope = shares * mass
        if loss.class_factor is not None:
            by_slope = by_slope * _plain.class_factor(loss, shape[axis], dtype, target.device)[label]
        return cls(torch.zeros(shape, dtype=dtype).scatter(axis, label, 1.0), by_slope, label)

    def of_target(self, nll: Tensor | None, loss: Loss) -> Tensor:
        """Return of_target, whose sum is by_softmax."""
        if nll is None or self.by_slope is None:
            return self.constant
        slope: Tensor = loss.curve(nll).slope
        return self.constant * (self.by_slope * slope.to(self.constant.dtype))


class _Softmax(Function):
    """The softmax of scale · logits, where its value is known already."""

    @staticmethod
    def forward(ctx: Any, stand_in: Tensor, known: Tensor, axis: int, scale: float) -> Tensor:
        probs = known.clone()
        ctx.save_for_backward(probs)
        ctx.axis, ctx.scale, ctx.dtype = axis, scale, stand_in.dtype
        return probs

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        (probs,) = ctx.saved_tensors
        # The same number added to all of a row changes nothing: without the likeliest class no difference cancels.
        likeliest = probs.detach().argmax(ctx.axis, keepdim=True)
        upstream = upstream - upstream.gather(ctx.axis, likeliest)
        product = probs * upstream
        dlogits = ctx.scale * (product - probs * product.sum(ctx.axis, keepdim=True))
        return dlogits.to(ctx.dtype), None, None, None


class _Known(Function):
    """A number of each row whose value is known already, and how scale · logits change it."""

    @staticmethod
    def forward(ctx: Any, stand_in: Tensor, known: Tensor, slope: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(slope)
        ctx.scale, ctx.dtype = scale, stand_in.dtype
        return known.clone()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        (slope,) = ctx.saved_tensors
        return (ctx.scale * upstream.to(slope.dtype) * slope).to(ctx.dtype), None, None, None
