"""A loss of rows that is reduced to a number: value and gradient in one pass over the CPU's logits.

What a row's loss is multiplied with is known before the rows are, so the gradient is written while a row is still in
the cache. What is kept for backward is that gradient, or the logits, never both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from xent.losses import CrossEntropy, Loss
from xent.torch import _engines, _native, _plain, _rows
from xent.torch._regained import Call, Reduction, regained_gradient, weighted

_function_modes = torch._C._len_torch_function_stack

_CROSS_ENTROPY = CrossEntropy()
_MEAN, _SUM = Reduction(mean=True), Reduction(mean=False)
#: What the value of a loss is like, since torch.empty_like takes half the time of torch.empty.
_NUMBERS = {True: torch.empty((), dtype=torch.float64), False: torch.empty((), dtype=torch.float32)}


def serves(logits: Tensor, axis: int, *others: Tensor | None) -> bool:
    """Return whether :func:`reduced` may be given these tensors."""
    return _engines.is_eager(logits, *others) and logits.is_cpu and _native.supports(logits, axis)


def knows(loss: Loss, is_index: bool, n_classes: int) -> bool:
    """Return whether :func:`reduced` may be given this loss: a curve at every class of a row is no kernel's work."""
    if loss.linear:
        return not _rows.smooths_beyond_uniform(loss, n_classes)
    return is_index and loss.label_smoothing == 0 and loss.curve_terms is not None


def quick(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
    loss: Any,
) -> Tensor | None:
    """Return torch's cross_entropy, or another loss of rows, reduced; None where its arguments are not the usual."""
    if target is None or type(ignore_index) is not int or _function_modes() or not serves(input, 1, target, weight):
        return None
    shape = input.shape
    if len(shape) < 2 or torch.is_autocast_enabled("cpu"):
        return None
    is_index = target.dim() < len(shape)
    if is_index:
        if target.dtype not in (torch.int64, torch.uint8) or target.shape != shape[:1] + shape[2:]:
            return None
    elif target.dtype is not input.dtype or target.shape != shape or ignore_index >= 0:
        return None
    if weight is not None and (weight.shape != shape[1:2] or weight.dtype != input.dtype):
        return None
    if loss is not None:
        if label_smoothing != 0.0 or not isinstance(loss, Loss) or not knows(loss, is_index, shape[1]):
            return None
    elif label_smoothing == 0.0:
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
    """Return the reduced loss; with ``inplace`` its gradient takes the place of the logits.

    The target is class indices, or probabilities whose classes lie along the same axis.
    """
    call = Call(loss, axis, ignore_index, scale, how)
    # Rows that share memory have no place each.
    inplace = inplace and loss.z_loss == 0 and torch._debug_has_internal_overlap(logits) == 0
    if not (logits.requires_grad and torch.is_grad_enabled()):
        return _Arguments(logits, target, weight, call).value()
    # A small gradient is made anew more quickly than it is kept; one in float16 waits for the upstream gradient,
    # without which it may be too small for that type; with a z-loss it may hide the probabilities.
    keeps_logits = logits.dtype == torch.float16 or loss.z_loss != 0 or logits.numel() < _native.compiled.SMALL
    if keeps_logits and not inplace:
        return _apply_keeping_logits(logits, target, weight, call)  # type: ignore[no-any-return, no-untyped-call]
    value: Tensor = _KeepingGradient.apply(logits, target, weight, call, inplace)[0]  # type: ignore[no-untyped-call]
    return value


class _Arguments:
    """The arguments of the compiled function, and the tensors whose addresses are among them."""

    __slots__ = ("_before", "_dtype", "_kept", "_target", "_threads", "_view", "denominator")

    def __init__(self, logits: Tensor, target: Tensor, weight: Tensor | None, call: Call) -> None:
        """Say where everything lies but the gradient."""
        loss, axis, ignore_index, scale, how = call
        self._dtype = how.dtype or logits.dtype
        n_classes, factor = logits.shape[axis], None
        self._target = target
        if target.dim() < logits.dim():
            index, index_type = _native.index_of(target)
            probs: tuple[Any, ...] = ()
            if not loss.linear and loss.class_factor is not None:
                factor = _plain.class_factor(loss, n_classes, torch.float64, logits.device)
        else:
            index, index_type = None, 0
            if weight is not None:
                target = weighted(target, weight, axis)
            if not _native.supports(target, axis):
                target = target.to(torch.float32).contiguous()
            probs = _native.view(target, axis)
        if weight is not None:
            weight = weight.to(torch.float64).contiguous()
        self._kept = (index, target, weight, factor, how.row_weight)
        self._before: tuple[Any, ...] = (
            0 if index is None else index.data_ptr(),
            index_type,
            ignore_index,
            probs,
            *loss.mixture(n_classes),
            () if loss.linear else loss.curve_terms,
            loss.z_loss,
            0 if weight is None else weight.data_ptr(),
            0 if factor is None else factor.data_ptr(),
            0 if how.row_weight is None else how.row_weight.data_ptr(),
            how.mean,
            how.normalizer or 0.0,
            how.when_empty,
            scale,
        )
        self._view, self._threads = _native.view(logits, axis), _native.threads(logits)

    def value(self, into: tuple[Any, ...] = (), nll: int = 0) -> Tensor:
        """Return the value; write its gradient, and the nll of each row, where told to."""
        is_double = self._dtype is torch.float64
        value = torch.empty_like(_NUMBERS[is_double])
        self.denominator, outside = _native.compiled.reduced_loss(
            value.data_ptr(), is_double, 1.0, into, self._view, *self._before, nll, self._threads
        )
        if outside >= 0:
            _native.refuse(self._target, outside)
        return value if value.dtype is self._dtype else value.to(self._dtype)

    def gradient(self, upstream: float, logits: Tensor, axis: int) -> Tensor:
        """Return the gradient, of logits that may lie elsewhere now: hooks of saved tensors may have moved them."""
        view = self._view if logits.data_ptr() == self._view[0] else _native.view(logits, axis)
        dlogits = _native.empty_gradient(logits)
        into = (dlogits.data_ptr(), *view[1:]) if logits.is_contiguous() else _native.view(dlogits, axis)
        _native.compiled.reduced_loss(0, False, upstream, into, view, *self._before, 0, self._threads)
        return dlogits


class _KeepingLogits(Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, target: Tensor, weight: Tensor | None, call: Call) -> Tensor:
        arguments = _Arguments(logits, target, weight, call)
        value = arguments.value()
        ctx.save_for_backward(logits, target, weight, call.how.row_weight)
        # Weighted probabilities are made anew: they are as large as the logits.
        again = weight is not None and target.dim() == logits.dim()
        ctx.arguments, ctx.call, ctx.denominator = None if again else arguments, call, arguments.denominator
        return value

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None, None]:
        logits, target, weight, _ = ctx.saved_tensors
        again = torch.is_grad_enabled()
        if again or _engines.is_batched(upstream):
            with torch.enable_grad():
                value = _plainly(logits, target, weight, ctx.call, ctx.denominator)
            (dlogits,) = torch.autograd.grad(value, logits, upstream.to(value.dtype), create_graph=again)
        else:
            arguments = ctx.arguments or _Arguments(logits, target, weight, ctx.call)
            dlogits = arguments.gradient(upstream.item(), logits, ctx.call.axis)
        return dlogits, None, None, None


#: What Function.apply comes to where no transform of torch.func is at work, which :func:`serves` has seen to.
_apply_keeping_logits = super(Function, _KeepingLogits).apply


def _plainly(logits: Tensor, target: Tensor, weight: Tensor | None, call: Call, denominator: float) -> Tensor:
    """Return the value in ordinary operators, from which every derivative follows."""
    loss, axis, ignore_index, scale, how = call
    if target.dim() == logits.dim():
        target = target.movedim(axis, -1)
    values = _plain.row_values(loss, logits.movedim(axis, -1), target, weight, ignore_index, scale, None, None)
    if how.row_weight is not None:
        values = _plain.times(how.row_weight.to(values.dtype).view(values.shape), values)
    return how.share(denominator) * values.sum()


def _versions(*tensors: Tensor | None) -> list[int]:
    return [each._version for each in tensors if each is not None and not each.is_inference()]


class _KeepingGradient(Function):
    """Its second output, made of one number, stands for the logits: it has their place in the graph, not their memory.

    What is kept for backward is the gradient, not the logits. The gradient's own derivative is made of it too, for it
    tells the probabilities; only, to differentiate it, something must be there that leads back to the logits.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, target: Tensor, weight: Tensor | None, call: Call, inplace: bool
    ) -> tuple[Tensor, Tensor]:
        arguments = _Arguments(logits, target, weight, call)
        n_rows = logits.numel() // logits.shape[call.axis]
        nll = None if call.loss.linear else torch.empty(n_rows, dtype=torch.float64)
        dlogits = logits.detach() if inplace else _native.empty_gradient(logits)
        value = arguments.value(_native.view(dlogits, call.axis), _native.address(nll))
        if inplace:
            torch.autograd.graph.increment_version(logits)
        stand_in = logits.new_empty(()).expand(logits.shape)
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(dlogits, stand_in)
        ctx.versions = _versions(target, weight, call.how.row_weight)
        ctx.made_of = (nll, target, weight, call, arguments.denominator)
        return value, stand_in

    @staticmethod
    def backward(ctx: Any, upstream: Tensor | None, of_logits: Tensor | None) -> tuple[Tensor | None, ...]:
        if upstream is None:
            return of_logits, None, None, None, None
        dlogits, stand_in = ctx.saved_tensors
        if torch.is_grad_enabled():
            _, target, weight, call, _ = ctx.made_of
            if ctx.versions != _versions(target, weight, call.how.row_weight):
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an inplace operation: "
                    "the target or a weight of a cross-entropy whose gradient is differentiated"
                )
            dlogits = upstream * regained_gradient(dlogits, stand_in, *ctx.made_of)
        elif _engines.is_batched(upstream):
            dlogits = upstream * dlogits
        else:
            factor = upstream.item()
            if factor != 1.0:
                dlogits = dlogits * factor
        return dlogits if of_logits is None else dlogits + of_logits, None, None, None, None
