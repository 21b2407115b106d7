"""The way of every sigmoid loss: each entry a two-class row (0, z), with a positive label t and a negative one.

    value = pos_weight φ₊ t f₊(log(1 + exp(-z)))  +  φ₋ (1-t) f₋(log(1 + exp(z)))

f₊ and f₋ are the loss's curves over the nll of either label, φ its factors. A reduced loss of the usual curves is one
pass of the compiled kernel, where that was built; for all else, and as what the kernel is held to, stands NumPy.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xent import _validate
from xent._options import BinaryOptions
from xent._pipeline import Reduction, Value, home_of, refuse_other_frameworks, weighted
from xent.errors import DtypeError, ShapeError, TargetError
from xent.kernels import compiled_for
from xent.kernels import numpy as spec

if TYPE_CHECKING:
    from xent.losses import Loss

Array = NDArray[Any]
Float64 = NDArray[np.float64]

#: What a factor of float32 entries may be at most, and its reciprocal unless it is 0: products of them are numbers.
_LARGE = 2.0**60


def sigmoid_loss(loss: Loss, function: str, logits: Any, target: Any, options: BinaryOptions) -> Any:
    """Return the reduced loss of sigmoid entries."""
    if (home := home_of(function, logits)) is not None:
        return home.sigmoid_loss(loss, function, logits, target, options)
    return _SigmoidEntries(loss, function, logits, target, options).value_and_grad(gradient=False)[0]


def sigmoid_value_and_grad(
    loss: Loss, function: str, logits: Any, target: Any, options: BinaryOptions
) -> tuple[Value, Array]:
    """Return the reduced loss of sigmoid entries and its gradient, which has shape and dtype of the logits."""
    refuse_other_frameworks(function, logits)
    value, dlogits = _SigmoidEntries(loss, function, logits, target, options).value_and_grad(gradient=True)
    assert dlogits is not None
    return value, dlogits


class _Weights(NamedTuple):
    """The weights of entries that are rows of ``n_labels``, one row of all where they come to one an entry."""

    n_labels: int
    positive: Float64 | None = None  # one a label
    label: Float64 | None = None  # one a label
    row: Float64 | None = None  # one a row

    def within(self, largest: float) -> bool:
        """Return whether each is 0 or between 1/largest and largest."""
        least = 1.0 / largest
        return all(
            each is None
            or (each.min() >= least and each.max() <= largest)
            or bool(((each == 0) | ((each >= least) & (each <= largest))).all())
            for each in (self.positive, self.label, self.row)
        )

    def total(self, live: NDArray[np.bool_] | None, n_entries: int) -> float:
        """Return Σ label · row over the entries that take part (None: all)."""
        n_rows = n_entries // self.n_labels
        if live is None:
            of_label = float(self.n_labels if self.label is None else self.label.sum())
            return of_label * float(n_rows if self.row is None else self.row.sum())
        if self.label is None and self.row is None:
            return float(np.count_nonzero(live))
        label = np.ones(self.n_labels) if self.label is None else self.label
        each: Float64 = np.einsum("nk,k->n", live.reshape(n_rows, self.n_labels), label)
        return float((each if self.row is None else each * self.row).sum())


class _SigmoidEntries:
    """The entries, and what is asked of them."""

    def __init__(self, loss: Loss, function: str, logits: Any, target: Any, options: BinaryOptions) -> None:
        options.check(function, loss)
        self.loss, self.options = loss, options
        self.logits = _validate.floating(function, "logits", logits)
        self.scale = 1.0 / float(options.temperature)
        shape = self.logits.shape
        self.target, self.live = _binary_target(function, target, shape, options)
        self.weight = self.pos_weight = self.sample_weight = None
        if options.weight is not None:
            self.weight = _validate.weights(function, "weight", options.weight, shape)
        if options.sample_weight is not None:
            # One number a row: it lacks the axis of the labels, unless there is none.
            leading = shape[:-1] if len(shape) > 1 else shape
            each = _validate.weights(function, "sample_weight", options.sample_weight, leading)
            self.sample_weight = np.broadcast_to(each[..., None] if len(shape) > 1 else each, shape)
        if options.pos_weight is not None:
            self.pos_weight = _validate.weights(function, "pos_weight", options.pos_weight, shape)

    def value_and_grad(self, gradient: bool) -> tuple[Value, Array | None]:
        """Return value and, if asked for, d value / d logits (for ``reduction="none"``: of the sum)."""
        found = self._in_one_pass(gradient)
        return self._by_definition(gradient) if found is None else found

    def _in_one_pass(self, gradient: bool) -> tuple[Value, Array | None] | None:
        """Return them from the compiled kernel, or None where that does not serve."""
        loss, options, logits = self.loss, self.options, self.logits
        compiled, powers = compiled_for(logits), loss.binary_powers
        if compiled is None or powers is None or logits.size == 0 or options.reduction == "none":
            return None
        if options.softcap is not None or options.mining is not None:
            return None
        factor_one, factor_zero = loss.binary_factors
        pos_weight = self.pos_weight
        if factor_one == 0 or factor_zero == 0 or (pos_weight is not None and not _of_distinct(pos_weight).all()):
            return None  # where nothing is asked of an entry it may hold NaN
        if pos_weight is not None and not any(pos_weight.strides):  # one number for all
            factor_one, pos_weight = factor_one * float(pos_weight.flat[0]), None
        weights = _as_rows_of_labels(logits.shape, self.weight, pos_weight, self.sample_weight)

        live = None if self.live is None else np.asarray(self.live, order="C")
        denominator = 1.0
        if options.normalizer is not None:
            denominator = float(options.normalizer)
        elif options.reduction == "mean":
            of_entries = weights if options.mean == "weighted" else _Weights(weights.n_labels)
            denominator = of_entries.total(live, logits.size)
        if denominator == 0:
            return None
        if np.float64 not in (logits.dtype, self.target.dtype):  # then it is computed in float32
            numbers = (1.0 / denominator, self.scale, factor_one)
            if not (weights.within(_LARGE) and all(1.0 / _LARGE <= each <= _LARGE for each in numbers)):
                return None
        found: tuple[float, Array | None] = compiled.loss_of_entries(
            logits,
            self.target,
            1.0 / denominator,
            gradient,
            n_labels=weights.n_labels,
            scale=self.scale,
            live=live,
            positive_weight=weights.positive,
            weight=weights.label,
            row_weight=weights.row,
            factors=(factor_one, factor_zero),
            smoothing=loss.label_smoothing * (1.0 if loss.smoothing == "uniform" else 2.0),  # ε (1 - t) is 2ε/2 - ε t
            powers=powers,
        )
        return found

    def _by_definition(self, gradient: bool) -> tuple[Value, Array | None]:
        loss, options = self.loss, self.options
        live = np.ones(self.logits.shape, bool) if self.live is None else self.live
        label = np.where(live, self.target, 0.0).astype(np.float64)
        weight = live.astype(np.float64)
        for each in (self.weight, self.sample_weight):
            weight = weight if each is None else weight * each

        # φ₊ t and φ₋ (1-t) of the smoothed target: sums of terms ≥ 0.
        eps, other = loss.label_smoothing, 0.5 if loss.smoothing == "uniform" else 1.0 - label
        factor_one, factor_zero = loss.binary_factors
        t_one = factor_one * ((1.0 - eps) * label + eps * other)
        other = 0.5 if loss.smoothing == "uniform" else label
        t_zero = factor_zero * ((1.0 - eps) * (1.0 - label) + eps * other)
        if self.pos_weight is not None:
            t_one = t_one * self.pos_weight

        z = np.asarray(spec.transformed(self.logits, self.scale, options.softcap))
        z_one, z_zero, log_sum = spec.two_class_row(z)
        one, zero = loss.curve(log_sum - z_one), loss.negative_curve(log_sum - z_zero)
        values = weighted(t_one, one.value) + weighted(t_zero, zero.value)

        if options.mining is not None:
            live = live & options.mining.keep(weighted(weight, values), label >= 0.5, live & (weight > 0))
            weight = np.where(live, weight, 0.0)
        counted = live.astype(np.float64) if options.mean == "torch" else weight
        reduction = Reduction(options, weight, counted, self.logits.shape)
        value = reduction.of(values)
        if not gradient:
            return value, None
        # Each label's part is small where the label is right, and no part is the difference of two.
        by_z = weighted(t_zero, zero.slope) * spec.sigmoid(z) - weighted(t_one, one.slope) * spec.sigmoid(-z)
        by_logit = by_z * spec.slope(self.logits, self.scale, options.softcap)
        dlogits = np.empty_like(self.logits)
        with np.errstate(over="ignore"):
            dlogits[...] = weighted(reduction.upstream, by_logit)
        return value, dlogits


def _binary_target(
    function: str, target: Any, shape: tuple[int, ...], options: BinaryOptions
) -> tuple[Array, NDArray[np.bool_] | None]:
    """Return the target, in [0, 1] for the entries that take part, and which do (None: all)."""
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
    mask = None if options.mask is None else _validate.mask(function, "mask", options.mask, shape)
    if not 0 <= options.ignore_index <= 1 and _is_within_one(labels):
        return labels, mask  # nothing can be ignored by its value
    live = np.asarray(labels != options.ignore_index)
    if mask is not None:
        live = live & mask
    outside = live & ~((labels >= 0) & (labels <= 1))
    if outside.any():
        where = tuple(int(i) for i in np.argwhere(outside)[0])
        raise TargetError(
            function,
            f"target must lie in [0, 1] or be ignore_index={options.ignore_index}; "
            f"got {float(labels[where]):g}" + (f" at {where}" if where else ""),
            "class indices above 1 are for cross_entropy",
        )
    return labels, live


def _is_within_one(labels: Array) -> bool:
    """Return whether it is plain that all lie in [0, 1], from one pass over their bits.

    Those of numbers ≥ 0 are in the numbers' order; a sign, -0.0's too, and a NaN make them larger.
    """
    dtype, bits = labels.dtype, f"u{labels.dtype.itemsize}"
    if labels.size == 0 or not dtype.isnative or dtype.itemsize > 8:
        return labels.size == 0
    return bool(labels.view(bits).max() <= np.ones((), dtype).view(bits))


def _as_rows_of_labels(
    shape: tuple[int, ...], weight: Float64 | None, pos_weight: Float64 | None, sample_weight: Float64 | None
) -> _Weights:
    """Return weights that were broadcast to the shape of the entries as one a label and one a row, where they are."""
    label = row = positive = None
    for each in (weight, sample_weight):
        if each is None:
            continue
        if (found := _of_labels(each)) is not None:
            label = found if label is None else label * found
        elif each.strides[-1] == 0:
            row = each[..., 0].reshape(-1) if row is None else row * each[..., 0].reshape(-1)
        else:
            break
    else:
        positive = None if pos_weight is None else _of_labels(pos_weight)
        if pos_weight is None or positive is not None:
            return _Weights(shape[-1] if shape else 1, positive, label, row)
    whole = sample_weight if weight is None else weight if sample_weight is None else weight * sample_weight
    flat = [None if each is None else each.reshape(-1) for each in (pos_weight, whole)]
    return _Weights(math.prod(shape), *flat)


def _of_distinct(weight: Float64) -> Float64:
    """Return a broadcast array without the axes along which it is one number."""
    return weight[tuple(slice(None) if stride else slice(1) for stride in weight.strides)]


def _of_labels(weight: Float64) -> Float64 | None:
    """Return a broadcast array's last axis if it is the same all along the others, else None."""
    if any(size > 1 and stride != 0 for size, stride in zip(weight.shape[:-1], weight.strides[:-1], strict=True)):
        return None
    last: Float64 = weight[(0,) * (weight.ndim - 1)]
    return last.reshape(-1)
