"""Cross-entropy of class indices that is reduced to a number: value and gradient in one pass over the CPU's logits.

Its coefficients are known before the rows are, so the gradient is written while a row is still in the cache. What is
kept for backward is that gradient, or the logits, never both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd import Function

from xent.losses import CrossEntropy, Loss
from xent.torch import _engines, _native, _plain

_function_modes = torch._C._len_torch_function_stack


class Reduction(NamedTuple):
    """How the rows become a number; ``row_weight`` is one float64 a row, or None."""

    mean: bool
    normalizer: float | None = None
    when_empty: float = float("nan")
    row_weight: Tensor | None = None
    dtype: torch.dtype | None = None  # of the value; None: that of the logits


_CROSS_ENTROPY = CrossEntropy()
_MEAN, _SUM = Reduction(mean=True), Reduction(mean=False)


def serves(logits: Tensor, axis: int, *others: Tensor | None) -> bool:
    """Return whether :func:`reduced` may be given these."""
    return _engines.is_eager(logits, *others) and logits.is_cpu and _native.supports(logits, axis)


def quick(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str, label_smoothing: float
) -> Tensor | None:
    """Return torch's cross_entropy of class indices, reduced; None where its arguments are not what is usual."""
    if target is None or type(ignore_index) is not int or type(input) not in _engines.TENSORS or _function_modes():
        return None
    if not serves(input, 1, target, weight):
        return None
    shape = input.shape
    if len(shape) < 2 or target.dtype not in (torch.int64, torch.uint8):
        return None
    if target.dim() != len(shape) - 1 or target.shape != shape[:1] + shape[2:] or torch.is_autocast_enabled("cpu"):
        return None
    if weight is not None and (weight.shape != shape[1:2] or weight.dtype != input.dtype):
        return None
    if label_smoothing == 0.0:
        loss = _CROSS_ENTROPY
    elif isinstance(label_smoothing, float) and 0.0 < label_smoothing <= 1.0:
        loss = CrossEntropy(label_smoothing=label_smoothing)
    else:
        return None
    how = _MEAN if reduction == "mean" else _SUM if reduction == "sum" else None
    return None if how is None else reduced(loss, input, 1, target, weight, ignore_index, 1.0, how)


def reduced(
    loss: Loss,
    logits: Tensor,
    axis: int,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    scale: float,
    how: Reduction,
    inplace: bool = False,
) -> Tensor:
    """Return the reduced loss; with ``inplace`` its gradient takes the place of the logits."""
    call = (loss, axis, ignore_index, scale, how)
    inplace = inplace and torch._debug_has_internal_overlap(logits) == 0  # rows that share memory have no place each
    if not (logits.requires_grad and torch.is_grad_enabled()):
        return _reduce(logits, None, target, weight, call)
    # A small gradient is made anew more quickly than it is kept; one in float16 waits for the upstream gradient,
    # without which it may be too small for that type.
    if (logits.dtype == torch.float16 or logits.numel() < _native.compiled.SMALL) and not inplace:
        return _apply_keeping_logits(logits, target, weight, call)  # type: ignore[no-any-return, no-untyped-call]
    value: Tensor = _KeepingGradient.apply(logits, target, weight, call, inplace)[0]  # type: ignore[no-untyped-call]
    return value


def _reduce(logits: Tensor, dlogits: Tensor | None, target: Tensor, weight: Tensor | None, call: Any) -> Tensor:
    how = call[4]
    dtype = how.dtype or logits.dtype
    value = torch.empty((), dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    arguments, alive = _arguments(logits, target, weight, call)
    axis = call[1]
    into = () if dlogits is None else _native.view(dlogits, axis)
    _, outside = _native.compiled.cross_entropy(
        value.data_ptr(), dtype == torch.float64, 1.0, into, _native.view(logits, axis), *arguments
    )
    if outside >= 0:
        _native.refuse(target, outside)
    del alive
    return value if value.dtype == dtype else value.to(dtype)


def _arguments(
    logits: Tensor, target: Tensor, weight: Tensor | None, call: Any
) -> tuple[tuple[Any, ...], tuple[Tensor | None, ...]]:
    """Return what the compiled function takes after the logits, and the tensors whose addresses are among it."""
    loss, axis, ignore_index, scale, how = call
    index, index_type = _native.index_of(target)
    if weight is not None:
        weight = weight.to(torch.float64).contiguous()
    arguments = (
        index.data_ptr(),
        index_type,
        ignore_index,
        *loss.mixture(logits.shape[axis]),
        0 if weight is None else weight.data_ptr(),
        0 if how.row_weight is None else how.row_weight.data_ptr(),
        how.mean,
        how.normalizer or 0.0,
        how.when_empty,
        scale,
        _native.threads(logits),
    )
    return arguments, (index, weight, how.row_weight)


class _KeepingLogits(Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, weight: Tensor | None, call: Any) -> Tensor:
        dtype = call[4].dtype or logits.dtype
        value = torch.empty((), dtype=torch.float64 if dtype is torch.float64 else torch.float32)
        ctx.arguments = arguments, _ = _arguments(logits, target, weight, call)
        _, outside = _native.compiled.cross_entropy(
            value.data_ptr(), dtype is torch.float64, 1.0, (), _native.view(logits, call[1]), *arguments
        )
        if outside >= 0:
            _native.refuse(target, outside)
        ctx.save_for_backward(logits, target) if weight is None else ctx.save_for_backward(logits, target, weight)
        ctx.call = call
        return value if value.dtype is dtype else value.to(dtype)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        logits, target, *others = ctx.saved_tensors
        call = ctx.call
        if torch.is_grad_enabled() or _engines.is_batched(upstream):
            weight = others[0] if others else None
            probs = torch.softmax(call[3] * logits.to(_plain.compute_dtype(logits)), call[1])
            dlogits = upstream * _of_probs(probs, target, weight, call).to(logits.dtype)
        else:
            dlogits = _native.empty_gradient(logits)
            # The logits may lie elsewhere now: hooks of saved tensors may have moved them.
            view = _native.view(logits, call[1])
            alike = logits.is_contiguous()
            into = (dlogits.data_ptr(), *view[1:]) if alike else _native.view(dlogits, call[1])
            _native.compiled.cross_entropy(0, False, upstream.item(), into, view, *ctx.arguments[0])
        return dlogits, None, None, None


#: What Function.apply comes to where no transform of torch.func is at work, which :func:`serves` has seen to.
_apply_keeping_logits = super(Function, _KeepingLogits).apply


class _KeepingGradient(Function):
    """Its second output, made of one number, stands for the logits: it has their place in the graph, not their memory.

    What is kept for backward is the gradient, not the logits. The gradient's own derivative is made of it too, for it
    tells the probabilities; only, to differentiate it, something must be there that leads back to the logits.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, target: Tensor, weight: Tensor | None, call: Any, inplace: bool
    ) -> tuple[Tensor, Tensor]:
        dlogits = logits.detach() if inplace else _native.empty_gradient(logits)
        value = _reduce(logits, dlogits, target, weight, call)
        if inplace:
            torch.autograd.graph.increment_version(logits)
        stand_in = logits.new_empty(()).expand(logits.shape)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(dlogits, stand_in)
        ctx.made_of = (target, weight, call)
        return value, stand_in

    @staticmethod
    def backward(ctx: Any, upstream: Tensor | None, of_logits: Tensor | None) -> tuple[Tensor | None, ...]:
        if upstream is None:
            return of_logits, None, None, None, None
        dlogits, stand_in = ctx.saved_tensors
        if torch.is_grad_enabled():
            dlogits = upstream * _differentiable(dlogits, stand_in, *ctx.made_of)
        elif _engines.is_batched(upstream):
            dlogits = upstream * dlogits
        else:
            factor = upstream.item()
            if factor != 1.0:
                dlogits = dlogits * factor
        return dlogits if of_logits is None else dlogits + of_logits, None, None, None, None


def _of_target(shape: torch.Size, dtype: torch.dtype, target: Tensor, weight: Tensor | None, call: Any) -> Tensor:
    """Return each row's smoothed, weighted target times the row's share of the reduced value."""
    loss, axis, ignore_index, _, how = call
    keep, spread = loss.mixture(shape[axis])
    ignored = (target == ignore_index).unsqueeze(axis)
    label = torch.where(ignored, 0, target.unsqueeze(axis).long())
    classes = torch.ones(shape[axis], dtype=dtype) if weight is None else weight.to(dtype)
    each = torch.ones((), dtype=dtype) if how.row_weight is None else how.row_weight.to(dtype).view(label.shape)
    each = torch.where(ignored, 0.0, each)
    if how.mean:
        total = (each * classes[label]).sum() if how.normalizer is None else torch.tensor(how.normalizer, dtype=dtype)
        each = torch.where(total == 0, 0.0, each / total)
    by_class = classes.view([-1 if i == axis else 1 for i in range(len(shape))]) * (spread / shape[axis])
    of_label = torch.zeros(shape, dtype=dtype).scatter(axis, label, keep * classes[label])
    result: Tensor = each * (of_label + by_class)
    return result


def _of_probs(probs: Tensor, target: Tensor, weight: Tensor | None, call: Any) -> Tensor:
    """Return the gradient as a function of the softmax."""
    of_target = _of_target(probs.shape, probs.dtype, target, weight, call)
    by_softmax = of_target.sum(call[1], keepdim=True)
    live = by_softmax != 0
    result: Tensor = call[3] * (by_softmax * torch.where(live, probs, 0.0) - of_target)
    return result


def _differentiable(dlogits: Tensor, stand_in: Tensor, target: Tensor, weight: Tensor | None, call: Any) -> Tensor:
    """Return the gradient as a function of the logits, which it is known without."""
    _, axis, _, scale, _ = call
    dtype = _plain.compute_dtype(dlogits)
    of_target = _of_target(dlogits.shape, dtype, target, weight, call)
    by_softmax = of_target.sum(axis, keepdim=True)
    known = torch.where(by_softmax == 0, 0.0, (dlogits.to(dtype) / scale + of_target) / by_softmax)
    probs = _Softmax.apply(stand_in, known, axis, scale)  # type: ignore[no-untyped-call]
    return _of_probs(probs, target, weight, call).to(dlogits.dtype)


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
        product = probs * upstream
        dlogits = ctx.scale * (product - probs * product.sum(ctx.axis, keepdim=True))
        return dlogits.to(ctx.dtype), None, None, None
