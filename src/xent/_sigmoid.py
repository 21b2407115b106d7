"""The way of every sigmoid loss: each entry a two-class row (0, z), with a positive label t and a negative one.

    value = pos_weight φ₊ t f₊(log(1 + exp(-z)))  +  φ₋ (1-t) f₋(log(1 + exp(z)))

f₊ and f₋ are the loss's curves over the nll of either label, φ its factors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xent import _validate
from xent._options import BinaryOptions
from xent._pipeline import Reduction, Value, home_of, refuse_other_frameworks, weighted
from xent.errors import DtypeError, ShapeError, TargetError
from xent.kernels import numpy as spec

if TYPE_CHECKING:
    from xent.losses import Loss

Array = NDArray[Any]
Float64 = NDArray[np.float64]


def sigmoid_loss(loss: Loss, function: str, logits: Any, target: Any, options: BinaryOptions) -> Any:
    """Return the reduced loss of sigmoid entries."""
    if (home := home_of(function, logits)) is not None:
        return home.sigmoid_loss(loss, function, logits, target, options)
    return _SigmoidEntries(loss, function, logits, target, options).value


def sigmoid_value_and_grad(
    loss: Loss, function: str, logits: Any, target: Any, options: BinaryOptions
) -> tuple[Value, Array]:
    """Return the reduced loss of sigmoid entries and its gradient, which has shape and dtype of the logits."""
    refuse_other_frameworks(function, logits)
    entries = _SigmoidEntries(loss, function, logits, target, options)
    return entries.value, entries.gradient()


class _SigmoidEntries:
    """The entries with their value, and all that their gradient needs."""

    def __init__(self, loss: Loss, function: str, logits: Any, target: Any, options: BinaryOptions) -> None:
        options.check(function, loss)
        self.logits = _validate.floating(function, "logits", logits)
        self.scale, self.softcap = 1.0 / float(options.temperature), options.softcap
        shape = self.logits.shape
        label, live = _binary_target(function, target, shape, options)
        weight = _entry_weight(function, shape, options, live)

        # φ₊ t and φ₋ (1-t) of the smoothed target: sums of terms ≥ 0.
        eps, other = loss.label_smoothing, 0.5 if loss.smoothing == "uniform" else 1.0 - label
        factor_one, factor_zero = loss.binary_factors
        t_one = factor_one * ((1.0 - eps) * label + eps * other)
        other = 0.5 if loss.smoothing == "uniform" else label
        t_zero = factor_zero * ((1.0 - eps) * (1.0 - label) + eps * other)
        if options.pos_weight is not None:
            t_one = t_one * _validate.weights(function, "pos_weight", options.pos_weight, shape)

        self.z = np.asarray(spec.transformed(self.logits, self.scale, self.softcap))
        z_one, z_zero, log_sum = spec.two_class_row(self.z)
        one, zero = loss.curve(log_sum - z_one), loss.negative_curve(log_sum - z_zero)
        values = weighted(t_one, one.value) + weighted(t_zero, zero.value)
        self.slope_one, self.slope_zero = weighted(t_one, one.slope), weighted(t_zero, zero.slope)

        if options.mining is not None:
            live = live & options.mining.keep(weighted(weight, values), label >= 0.5, live & (weight > 0))
            weight = np.where(live, weight, 0.0)
        counted = live.astype(np.float64) if options.mean == "torch" else weight
        self.reduction = Reduction(options, weight, counted, shape)
        self.value = self.reduction.of(values)

    def gradient(self) -> Array:
        """Return d value / d logits (for ``reduction="none"``: of the sum)."""
        # Each label's part is small where the label is right, and no part is the difference of two.
        by_z = self.slope_zero * spec.sigmoid(self.z) - self.slope_one * spec.sigmoid(-self.z)
        grad = weighted(self.reduction.upstream, by_z * spec.slope(self.logits, self.scale, self.softcap))
        with np.errstate(over="ignore"):
            return grad.astype(self.logits.dtype, copy=False)


def _binary_target(
    function: str, target: Any, shape: tuple[int, ...], options: BinaryOptions
) -> tuple[Float64, NDArray[np.bool_]]:
    """Return the target of each entry, in [0, 1] (0 where it is ignored), and which entries take part."""
    labels = _validate.as_array(function, "target", target)
    if labels.dtype.kind not in "fiub":
        raise DtypeError(
            function,
            f"target must be numbers or booleans; got dtype {labels.dtype}",
            "a target is 0, 1 or a probability",
        )
    if labels.shape != shape:
        raise ShapeError(
            function,
            f"target must have the shape of the logits, {shape}; got shape {labels.shape}",
            "class indices are for cross_entropy; (n,) against (n, 1) would broadcast to n × n",
        )
    live = np.asarray(labels != options.ignore_index)
    if options.mask is not None:
        live = live & _validate.mask(function, "mask", options.mask, shape)
    label = np.where(live, labels, 0.0).astype(np.float64)
    outside = ~((label >= 0) & (label <= 1))
    if outside.any():
        where = tuple(int(i) for i in np.argwhere(outside)[0])
        raise TargetError(
            function,
            f"target must lie in [0, 1] or be ignore_index={options.ignore_index}; "
            f"got {label[outside].flat[0]:g}" + (f" at {where}" if where else ""),
            "class indices above 1 are for cross_entropy",
        )
    return label, live


def _entry_weight(function: str, shape: tuple[int, ...], options: BinaryOptions, live: NDArray[np.bool_]) -> Float64:
    """Return the weight of each entry: of its label times that of its row, 0 where it takes no part."""
    weight = live.astype(np.float64)
    if options.weight is not None:
        weight = weight * _validate.weights(function, "weight", options.weight, shape)
    if options.sample_weight is not None:
        # One number a row: it lacks the axis of the labels, unless there is none.
        leading = shape[:-1] if len(shape) > 1 else shape
        each = _validate.weights(function, "sample_weight", options.sample_weight, leading)
        weight = weight * (each[..., None] if len(shape) > 1 else each)
    return weight
