"""The way of every loss: validate → row statistics → loss → reduce, and back as a gradient.

Two families share it: softmax rows (one decision among K classes) and sigmoid entries (each a two-class row (0, z)).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.errors import DtypeError, ShapeError, TargetError
from xent.kernels import backend_for
from xent.kernels import numpy as spec

if TYPE_CHECKING:
    from xent.losses import Loss, Partials

Array = NDArray[Any]
Float64 = NDArray[np.float64]
Value = float | Float64


@dataclass(frozen=True, slots=True)
class Options:
    """What every loss of the softmax family takes beside logits, target and its own parameters."""

    axis: int = -1
    weight: ArrayLike | None = None
    sample_weight: ArrayLike | None = None
    ignore_index: int = -100
    temperature: float = 1.0
    reduction: _validate.Reduction = "mean"


def softmax_loss(loss: Loss, function: str, logits: ArrayLike, target: ArrayLike, options: Options) -> Value:
    """Return the reduced loss of softmax rows."""
    return _SoftmaxRows(loss, function, logits, target, options).value


def softmax_value_and_grad(
    loss: Loss, function: str, logits: ArrayLike, target: ArrayLike, options: Options
) -> tuple[Value, Array]:
    """Return the reduced loss of softmax rows and its gradient, which has shape and dtype of the logits."""
    rows = _SoftmaxRows(loss, function, logits, target, options)
    return rows.value, rows.gradient()


class _SoftmaxRows:
    """The logits as rows, and all that is known of them between the value and the gradient."""

    def __init__(self, loss: Loss, function: str, logits: ArrayLike, target: ArrayLike, options: Options) -> None:
        _validate.reduction(function, options.reduction)
        self.scale = 1.0 / _validate.positive(function, "temperature", options.temperature)
        z = _validate.floating(function, "logits", logits)
        self.axis = _validate.class_axis(function, "logits", z, options.axis)
        moved = np.moveaxis(z, self.axis, -1)
        self.shape = moved.shape
        n_classes = self.shape[-1]
        self.rows = moved.reshape(-1, n_classes)
        self.kernels = backend_for(self.rows)

        self.row_weight: Float64 = np.ones(len(self.rows))
        class_weight = None
        if options.weight is not None:
            class_weight = _validate.weights(function, "weight", options.weight, (n_classes,))
        self._read_target(function, target, z.shape, class_weight, options.ignore_index)
        if options.sample_weight is not None:
            each = _validate.weights(function, "sample_weight", options.sample_weight, self.shape[:-1])
            self.row_weight = np.where(self.row_weight > 0, each.reshape(-1), 0.0)

        self.class_coef: Float64 | None = None
        if loss.uses_mean:
            self.class_coef = np.full(n_classes, 1.0 / n_classes)
            if class_weight is not None:
                self.class_coef = class_weight / n_classes
        with np.errstate(over="ignore"):
            stats = self.kernels.row_stats(self.rows, self.target, self.class_coef, scale=self.scale)
        # A target of class weight 0 asks nothing of the logits, NaN or not.
        self.of_index = self.mass if self.target.ndim == 1 else (self.mass > 0).astype(np.float64)
        stats = stats._replace(target_logit=weighted(self.of_index, stats.target_logit))
        class_mass = 0.0 if self.class_coef is None else float(self.class_coef.sum())
        self.partials = loss.partials(stats, self.mass, class_mass)
        self.value, self.upstream = reduce(
            self.partials.value, self.row_weight, self.row_weight * self.mass, options.reduction, self.shape[:-1]
        )

    def _read_target(
        self,
        function: str,
        target: ArrayLike,
        shape: tuple[int, ...],
        class_weight: Float64 | None,
        ignore_index: int,
    ) -> None:
        """Set ``target`` (indices or weighted probabilities) and its ``mass`` Σ_k t_k; ignored rows get weight 0."""
        n_classes = self.shape[-1]
        if _validate.is_class_index(function, target, shape, self.axis):
            self.target: Array = _validate.class_indices(function, target, n_classes, ignore_index)
            self.row_weight[self.target < 0] = 0.0
            self.mass: Float64 = np.ones(len(self.rows)) if class_weight is None else class_weight[self.target]
            return
        probs = np.moveaxis(_validate.floating(function, "target", target), self.axis, -1).reshape(-1, n_classes)
        self.target = _validate.distributions(function, "target", probs)
        if class_weight is not None:
            self.target = self.target * class_weight
        self.mass = self.target.sum(axis=1)

    def gradient(self) -> Array:
        """Return d value / d logits (for ``reduction="none"``: of the sum), in the caller's layout."""
        coef_softmax, coef_target, coef_class = coefficients(self.upstream, self.partials)
        coef_target = coef_target * self.of_index
        with np.errstate(over="ignore"):
            dlogits = self.kernels.row_grad(
                self.rows, coef_softmax, coef_target, self.target, coef_class, self.class_coef, scale=self.scale
            )
        return np.moveaxis(dlogits.reshape(self.shape), -1, self.axis)


def sigmoid_value_and_grad(
    loss: Loss,
    function: str,
    logits: ArrayLike,
    target: ArrayLike,
    options: Options,
    pos_weight: ArrayLike | None,
) -> tuple[Value, Array]:
    """Return the reduced loss of sigmoid entries, each a two-class row (0, z), and its gradient."""
    _validate.reduction(function, options.reduction)
    scale = 1.0 / _validate.positive(function, "temperature", options.temperature)
    logit_array = _validate.floating(function, "logits", logits)
    shape = logit_array.shape
    positive, entry_weight = _binary_target(function, target, shape, options.ignore_index)
    if options.weight is not None:
        entry_weight = entry_weight * _validate.weights(function, "weight", options.weight, shape)
    if options.sample_weight is not None:
        # One number a row: it lacks the axis of the labels, unless there is none.
        leading = shape[:-1] if len(shape) > 1 else shape
        each = _validate.weights(function, "sample_weight", options.sample_weight, leading)
        entry_weight = entry_weight * (each[..., None] if len(shape) > 1 else each)
    if pos_weight is None:
        positive_weight = np.ones(shape)
    else:
        positive_weight = _validate.weights(function, "pos_weight", pos_weight, shape)

    with np.errstate(over="ignore", invalid="ignore"):
        z = logit_array.astype(np.float64) * scale
    t_one, t_zero = positive * positive_weight, 1.0 - positive
    c_one, c_zero = positive_weight / 2.0, 0.5
    z_one, z_zero, log_sum = spec.two_class_row(z)
    stats = spec.RowStats(
        max=np.maximum(z, 0.0),
        log_sum=log_sum,
        target_logit=weighted(t_one, z_one) + weighted(t_zero, z_zero),
        mean_logit=weighted(c_one, z_one) + c_zero * z_zero,
    )
    partials = loss.partials(stats, t_one + t_zero, c_one + c_zero)
    value, upstream = reduce(partials.value, entry_weight, entry_weight, options.reduction, shape)
    coef_softmax, coef_target, coef_class = coefficients(upstream, partials)
    with np.errstate(invalid="ignore"):
        # σ(z) is 1 - σ(-z): above 0 the 1 is added to the target's coefficient first, and nothing cancels.
        small = coef_softmax * spec.sigmoid(-np.abs(z))
        by_target = coef_target * t_one
        grad = np.where(z > 0, (coef_softmax + by_target) - small, small + by_target) + coef_class * c_one
    grad = np.where(entry_weight == 0, 0.0, grad * scale)
    with np.errstate(over="ignore"):
        return value, grad.astype(logit_array.dtype, copy=False)


def _binary_target(
    function: str, target: ArrayLike, shape: tuple[int, ...], ignore_index: int
) -> tuple[Float64, Float64]:
    """Return the positive part of each entry's target, in [0, 1], and a weight of 0 where it is ignored, else 1."""
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
    ignored = labels == ignore_index
    positive = np.where(ignored, 0.0, labels).astype(np.float64)
    outside = ~((positive >= 0) & (positive <= 1))
    if outside.any():
        where = tuple(int(i) for i in np.argwhere(outside)[0])
        raise TargetError(
            function,
            f"target must lie in [0, 1] or be ignore_index={ignore_index}; "
            f"got {positive[outside].flat[0]:g}" + (f" at {where}" if where else ""),
            "class indices above 1 are for cross_entropy",
        )
    return positive, np.where(ignored, 0.0, 1.0)


def weighted(weight: Float64, values: Float64) -> Float64:
    """Return weight · values with 0 · anything = 0: what has no weight cannot make the rest infinite."""
    with np.errstate(invalid="ignore"):
        return np.where(weight == 0, 0.0, weight * values)


def reduce(
    values: Float64, weight: Float64, denominator_weight: Float64, reduction: str, shape: tuple[int, ...]
) -> tuple[Value, Float64]:
    """Return the reduced value and d value / d values; an entry of weight 0 takes no part, NaN or not."""
    each = weighted(weight, values)
    if reduction == "none":
        return each.reshape(shape) if shape else float(each.item()), weight
    total = float(each.sum())
    if reduction == "sum":
        return total, weight
    denominator = float(denominator_weight.sum())
    if denominator == 0.0:
        return float("nan"), np.zeros_like(weight)
    return total / denominator, weight / denominator


def coefficients(upstream: Float64, partials: Partials) -> tuple[Float64, Float64, Float64]:
    """Return upstream × (d_lse, d_target, d_mean), exactly 0 where upstream is 0."""

    def product(partial: Float64 | float) -> Float64:
        return weighted(upstream, np.broadcast_to(partial, upstream.shape))

    return product(partials.d_lse), product(partials.d_target), product(partials.d_mean)
