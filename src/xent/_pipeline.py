"""The way of every softmax loss: validate → row statistics → loss → reduce, and back as a gradient.

A loss is a curve over the nll of a label (:mod:`xent.losses`); the kernels know statistics, and three coefficients a
row. Between them stands a *form*, of which there are three: :class:`_Linear` for the curve that is nll itself, under
any target; for the other curves :class:`_OfIndex`, where the target is one label, and :class:`_OfEveryClass`, where it
is a distribution. With u the class weight times the loss's own class factor, and t the smoothed target, each is

    value = Σ_k t_k u_k f(nll_k)  +  z_loss · mass · lse²,        mass = Σ_k t_k · (class weight)_k

What is asked for most, a loss that is reduced to a number, the compiled kernels do as a whole, where they were built.
Sigmoid entries go their own way, :mod:`xent._sigmoid`; what becomes of values is the same, and stands here.
"""

from __future__ import annotations

import importlib
import math
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xent import _validate
from xent._arrays import framework
from xent._options import BinaryOptions, Options, Stats
from xent.errors import DtypeError
from xent.kernels import Backend, backend_for, compiled_for
from xent.mining import HardNegatives

if TYPE_CHECKING:
    from xent.kernels.numpy import RowStats
    from xent.losses import Loss

Array = NDArray[Any]
Float64 = NDArray[np.float64]
#: One number a row, or for all.
Each = Float64 | float
Value = float | Float64


def softmax_loss(loss: Loss, function: str, logits: Any, target: Any, options: Options) -> Any:
    """Return the reduced loss of softmax rows; with ``return_stats`` a pair, the :class:`Stats` beside it."""
    if (home := home_of(function, logits)) is not None:
        return home.softmax_loss(loss, function, logits, target, options)
    return _SoftmaxRows(loss, function, logits, target, options).value()


def softmax_value_and_grad(loss: Loss, function: str, logits: Any, target: Any, options: Options) -> tuple[Any, Array]:
    """Return what :func:`softmax_loss` does, and the gradient, which has shape, dtype and layout of the logits."""
    refuse_other_frameworks(function, logits)
    return _SoftmaxRows(loss, function, logits, target, options).value_and_grad()


def home_of(function: str, logits: Any) -> ModuleType | None:
    """Return the module that serves the logits of another framework, or None for NumPy's.

    It is imported by its name, for the rooms of the frameworks stand above this one.
    """
    name = framework(logits)
    if name == "numpy":
        return None
    if (home := sys.modules.get(f"xent.{name}")) is not None:  # an import is nothing that torch.compile could trace
        return home
    try:
        return importlib.import_module(f"xent.{name}")
    except ImportError as error:
        raise ImportError(
            f"{function}: logits of {name} must be served by xent.{name}, which cannot be imported; got {error}\n\n"
            f"hint: install the version of {name} that xent[{name}] names, or pass NumPy arrays"
        ) from error


def refuse_other_frameworks(function: str, logits: Any) -> None:
    """Check that the logits are NumPy's, for a gradient that the other frameworks take themselves."""
    name = framework(logits)
    if name != "numpy":
        raise DtypeError(
            function,
            f"logits must be NumPy's for value_and_grad; got an array of {name}",
            "call .backward() on the loss" if name == "torch" else "use jax.value_and_grad of the loss",
        )


class _Form(Protocol):
    """A loss of rows: what it asks of their statistics, and what it makes of them."""

    @property
    def target(self) -> Array: ...

    @property
    def class_coef(self) -> Float64 | None: ...

    def values(self, stats: RowStats) -> Float64:
        """Return the loss of each row, without z-loss."""

    def coefficients(self) -> tuple[Float64, Each, Each]:
        """Return what softmax, target and ``class_coef`` are multiplied with in the gradient of each row."""


class _Linear:
    """Σ_k t_k u_k (lse - z_k): no sum over the classes but in the statistics, and coefficients known before them."""

    def __init__(self, loss: Loss, target: Array, factor: Float64 | None, shape: tuple[int, ...]) -> None:
        n_classes = shape[-1]
        a, b = loss.mixture(n_classes)  # t = a · target + b/K
        if a < 0:  # smoothing="others" beyond (K-1)/K: the parts would cancel
            a, b, target = 1.0, 0.0, smoothed(loss, target, shape)
        self.class_coef: Float64 | None = None
        uniform = 0.0
        if b > 0 and (factor is None or factor.any()):
            self.class_coef = np.full(n_classes, 1.0 / n_classes) if factor is None else factor / n_classes
            uniform = b * float(self.class_coef.sum())
        self.target, of_target = _with_factor(target, factor)
        self.total = a * of_target + uniform
        # A matrix holds its factors already, an index does not.
        self.by_target = a * (of_target if target.ndim == 1 else (of_target > 0).astype(np.float64))
        self.by_class = b if self.class_coef is not None else 0.0

    def values(self, stats: RowStats) -> Float64:
        values = weighted(self.total, stats.log_sum) - weighted(self.by_target, stats.target_logit)
        return values if self.class_coef is None else values - self.by_class * stats.mean_logit

    def coefficients(self) -> tuple[Float64, Each, Each]:
        return self.total, -self.by_target, -self.by_class


class _OfIndex:
    """u_y f(nll_y)."""

    class_coef = None

    def __init__(self, loss: Loss, target: Array, factor: Float64 | None) -> None:
        self.loss, self.target = loss, target
        self.factor = np.ones(len(target)) if factor is None else factor[target]

    def values(self, stats: RowStats) -> Float64:
        value, slope = self.loss.curve(stats.log_sum - stats.target_logit)
        self.slope = weighted(self.factor, slope)
        return weighted(self.factor, value)

    def coefficients(self) -> tuple[Float64, Each, Each]:
        return self.slope, -self.slope, 0.0


class _OfEveryClass:
    """Σ_k t_k u_k f(nll_k), whose gradient is that of a cross-entropy with the target t u f'(nll)."""

    class_coef = None

    def __init__(self, loss: Loss, target: Array, factor: Float64 | None, log_probs: Array) -> None:
        self.loss, self.log_probs = loss, log_probs
        self.target, of_target = _with_factor(smoothed(loss, target, log_probs.shape), factor)
        self.asked = (of_target > 0).astype(np.float64)

    def values(self, stats: RowStats) -> Float64:
        value, slope = self.loss.curve(-self.log_probs)
        values = _row_sums(weighted(self.target, value))
        self.target = weighted(self.target, slope)
        return values

    def coefficients(self) -> tuple[Float64, Each, Each]:
        return _row_sums(self.target), -self.asked, 0.0


def _with_factor(target: Array, factor: Float64 | None) -> tuple[Array, Float64]:
    """Return the target as the kernels take it (class indices, or t · u) and Σ_k t_k u_k of each row."""
    if target.ndim == 1:
        return target, np.ones(len(target)) if factor is None else factor[target]
    if factor is not None:
        target = target * factor
    return target, _row_sums(target)


def smoothed(loss: Loss, target: Array, shape: tuple[int, ...]) -> Float64:
    """Return the target, class indices or distributions, as smoothed distributions; no term of them is negative."""
    n_classes = shape[-1]
    if target.ndim == 1:
        hot = np.zeros((len(target), n_classes))
        known = np.flatnonzero(target >= 0)
        hot[known, target[known]] = 1.0
        hot = hot.reshape(shape)
    else:
        hot = target.astype(np.float64, copy=False)
    if loss.label_smoothing == 0:
        return hot
    loss.mixture(n_classes)  # refuses "others" where there are none
    eps = loss.label_smoothing
    spread = 1.0 / n_classes if loss.smoothing == "uniform" else (1.0 - hot) / (n_classes - 1)
    return (1.0 - eps) * hot + eps * spread


class _SoftmaxRows:
    """The logits as rows, and all that is known of them before their statistics."""

    def __init__(self, loss: Loss, function: str, logits: Any, target: Any, options: Options) -> None:
        options.check(function)
        self.loss, self.function, self.options = loss, function, options
        z = _validate.floating(function, "logits", logits)
        self.axis = _validate.class_axis(function, "logits", z, options.axis)
        moved = _with_last(z, self.axis)
        self.shape, n_classes = moved.shape[:-1], moved.shape[-1]
        self.rows = moved[None] if z.ndim == 1 else moved
        self.kernels: Backend = backend_for(self.rows)
        self.compiled = compiled_for(self.rows)
        self.transform: dict[str, Any] = {"scale": 1.0 / float(options.temperature), "softcap": options.softcap}
        if options.prior is not None:
            log_prior = _validate.class_prior(function, options.prior, n_classes)
            self.transform["offset"] = options.prior_strength * log_prior

        self.class_weight = self.sample_weight = self.class_factor = None
        if options.weight is not None:
            self.class_weight = _validate.weights(function, "weight", options.weight, (n_classes,))
        self.is_index = _validate.is_class_index(function, target, z.shape, self.axis)
        if self.is_index:
            self.given: Array = np.asarray(target).reshape(-1)
        else:
            probs = _with_last(_validate.floating(function, "target", target), self.axis)
            self.sums = _validate.check_distributions(function, "target", probs).reshape(-1)
            self.given = probs.reshape(self.rows.shape)
        if options.sample_weight is not None:
            by_row = _validate.weights(function, "sample_weight", options.sample_weight, self.shape)
            self.sample_weight = by_row.reshape(-1)
        if loss.class_factor is not None:
            self.class_factor = _validate.weights(function, "alpha", loss.class_factor, (n_classes,))

    def _prepare(self) -> None:
        """Set what the statistics of the rows are asked with: target, weights, and the form of the loss."""
        n_rows, n_classes = math.prod(self.shape), self.rows.shape[-1]
        # The mass of a row is Σ_k t_k (class weight)_k; an ignored row has the ``row_weight`` 0.
        self.mass: Float64
        self.row_weight = np.ones(n_rows) if self.sample_weight is None else self.sample_weight
        if self.is_index:
            ignore_index = self.options.ignore_index
            self.target = _validate.class_indices(self.function, self.given, n_classes, ignore_index)
            self.row_weight = np.where(self.target < 0, 0.0, self.row_weight)
            self.mass = np.ones(n_rows) if self.class_weight is None else self.class_weight[self.target]
        else:
            self.target = self.given
            self.mass = self._mass_of_probs()
        factor = self.class_weight
        if self.class_factor is not None:
            factor = self.class_factor if factor is None else factor * self.class_factor
        self.form = self._form(factor)

    def _mass_of_probs(self) -> Float64:
        if self.class_weight is not None:
            return (self.given @ self.class_weight).reshape(-1)
        # Sums of float32 are as right as what the compiled kernels make of them.
        enough = self.given.dtype == np.float64 or (self.compiled is not None and self.rows.dtype != np.float64)
        return self.sums if enough else _row_sums(self.given)

    def _in_one_pass(self, gradient: bool) -> tuple[Any, Array | None] | None:
        """Return value and gradient from the compiled function for what is asked for most, None for the rest."""
        loss, options = self.loss, self.options
        if self.compiled is None or self.rows.size == 0 or options.reduction == "none" or options.return_stats:
            return None
        if options.mining is not None or options.softcap is not None or options.prior is not None:
            return None
        if self.class_weight is not None and not self.class_weight.any():
            return None
        if loss.linear:
            curve: tuple[float, ...] | None = ()
        else:
            curve = loss.curve_terms if self.is_index and loss.label_smoothing == 0 else None
        mixture = loss.mixture(self.rows.shape[-1])
        if curve is None or (loss.linear and self.class_factor is not None) or mixture[0] < 0:
            return None

        target, ignore_index = self.given, options.ignore_index
        normalizer = 0.0 if options.normalizer is None else float(options.normalizer)
        if self.is_index:
            in_range = isinstance(ignore_index, (int, np.integer)) and -(2**63) <= ignore_index < 2**63
            if target.dtype == np.uint64 or not in_range:
                target = _validate.class_indices(self.function, target, self.rows.shape[-1], ignore_index)
                ignore_index = -1
        else:
            if self.class_weight is not None:
                target = target * self.class_weight
            mass = self._mass_of_probs()
            if options.reduction == "mean" and normalizer == 0:
                each = np.ones(len(mass)) if options.mean == "torch" else mass
                normalizer = float((each if self.sample_weight is None else each * self.sample_weight).sum())
                if normalizer == 0:
                    return None
            if not mass.all():  # a row that asks for nothing takes no part, whatever its logits hold
                return None
        value, dlogits, fits = self.compiled.loss_of_rows(
            self.rows,
            target,
            gradient,
            ignore_index=int(ignore_index),
            mixture=mixture,
            curve=curve,
            z_loss=loss.z_loss,
            class_weight=self.class_weight,
            class_factor=self.class_factor,
            row_weight=self.sample_weight,
            mean=options.reduction == "mean",
            normalizer=normalizer,
            when_empty=math.nan if options.empty == "nan" else 0.0,
            scale=self.transform["scale"],
        )
        if not fits:
            _validate.class_indices(self.function, self.given, self.rows.shape[-1], options.ignore_index)
        return value, dlogits

    def _form(self, factor: Float64 | None) -> _Form:
        if self.loss.linear:
            return _Linear(self.loss, self.target, factor, self.rows.shape)
        if self.target.ndim == 1 and self.loss.label_smoothing == 0:
            return _OfIndex(self.loss, self.target, factor)
        wide = self.rows.astype(np.float64, copy=False)  # so that nothing is rounded on the way to the loss
        log_probs = self.kernels.row_softmax(wide, log=True, **self.transform)
        return _OfEveryClass(self.loss, self.target, factor, log_probs)

    def value(self) -> Any:
        """Return the loss, with ``return_stats`` what it asks for beside it."""
        if (found := self._in_one_pass(gradient=False)) is not None:
            return found[0]
        self._prepare()
        stats = self._statistics(self.form.target, self.form.class_coef)
        return self._evaluate(stats)[0]

    def value_and_grad(self) -> tuple[Any, Array]:
        """Return the loss as :meth:`value` does, and d loss / d logits (for ``reduction="none"``: of the sum)."""
        if (found := self._in_one_pass(gradient=True)) is not None and found[1] is not None:
            return found[0], self._as_given(found[1])
        self._prepare()
        known = isinstance(self.form, _Linear) and self.loss.z_loss == 0 and self.options.mining is None
        if known and not self.options.return_stats:
            result = self._reduction(self.row_weight)
            coefficients = self._coefficients(result.upstream)
            stats, dlogits = self.kernels.row_stats_and_grad(self.rows, *coefficients, **self.transform)
            return result.of(self.form.values(stats)), self._as_given(dlogits)
        stats = self._statistics(self.form.target, self.form.class_coef)
        value, result = self._evaluate(stats)
        coefficients = self._coefficients(result.upstream, stats)
        dlogits = self.kernels.row_grad(self.rows, *coefficients, stats=stats, **self.transform)
        return value, self._as_given(dlogits)

    def _evaluate(self, stats: RowStats) -> tuple[Any, Reduction]:
        values = self._values(stats)
        result = self._reduction(self._mined(values))
        value = result.of(values)
        return (value, self._described(stats)) if self.options.return_stats else value, result

    def _statistics(self, target: Array, class_coef: Float64 | None) -> RowStats:
        return self.kernels.row_stats(self.rows, target, class_coef, extras=self.options.return_stats, **self.transform)

    def _values(self, stats: RowStats) -> Float64:
        values = self.form.values(stats)
        if self.loss.z_loss == 0:
            return values
        with np.errstate(over="ignore"):
            return values + self.loss.z_loss * weighted(self.mass, (stats.max + stats.log_sum) ** 2)

    def _coefficients(
        self, upstream: Float64, stats: RowStats | None = None
    ) -> tuple[Float64, Float64, Array, Float64 | None, Float64 | None]:
        """Return what the kernels take after the logits; a row of upstream 0 has coefficients 0."""
        of_softmax, of_target, of_class = self.form.coefficients()
        if self.loss.z_loss != 0 and stats is not None:
            of_softmax = of_softmax + 2.0 * self.loss.z_loss * weighted(self.mass, stats.max + stats.log_sum)
        coef_class = None if self.form.class_coef is None else upstream * of_class
        return (
            weighted(upstream, of_softmax),
            weighted(upstream, of_target),
            self.form.target,
            coef_class,
            self.form.class_coef,
        )

    def _mined(self, values: Float64) -> Float64:
        """Return the weight of each row, 0 where mining drops it."""
        if self.options.mining is None:
            return self.row_weight
        positive = None
        if isinstance(self.options.mining, HardNegatives):
            label = self.target if self.target.ndim == 1 else self.target.argmax(axis=-1).reshape(-1)
            positive = label != self.options.mining.background
        kept = self.options.mining.keep(weighted(self.row_weight, values), positive, self.row_weight > 0)
        return np.where(kept, self.row_weight, 0.0)

    def _reduction(self, row_weight: Float64) -> Reduction:
        # A row counts as its target's class weight, in torch's mean of probability targets as one.
        each = 1.0 if self.options.mean == "torch" and self.target.ndim > 1 else self.mass
        return Reduction(self.options, row_weight, row_weight * each, self.shape)

    def _described(self, stats: RowStats) -> Stats:
        assert stats.expected_logit is not None
        of_target = stats.target_logit
        if self.form.target is not self.target:  # weighted or smoothed
            of_target = self._statistics(self.target, None).target_logit
        if self.target.ndim == 1:
            label, known = self.target, self.target >= 0
            log_prob = np.where(known, of_target - stats.log_sum, np.nan)
        else:
            label, known = self.target.argmax(axis=-1).reshape(-1), np.ones(len(stats.max), dtype=bool)
            log_prob = of_target - weighted(_row_sums(self.target), stats.log_sum)
        lse = np.where(np.isinf(stats.max), stats.max, stats.max + stats.log_sum)
        each = (lse, log_prob, stats.log_sum - stats.expected_logit, known & (stats.predicted == label))
        return Stats(*(field.reshape(self.shape) if self.shape else field.item() for field in each))

    def _as_given(self, dlogits: Array) -> Array:
        dlogits = dlogits if self.shape else dlogits[0]
        return dlogits if self.axis == dlogits.ndim - 1 else np.moveaxis(dlogits, -1, self.axis)


class Reduction:
    """From the values of the entries to what is returned: ``of``; and back: ``upstream``, d result / d value of each.

    Parameters
    ----------
    options
        Says which reduction.
    weight
        The weight of each entry; one of weight 0 takes no part, whatever its value.
    counted
        What each entry adds to the mean's denominator.
    shape
        That of the result without a reduction.
    """

    def __init__(self, options: Options | BinaryOptions, weight: Float64, counted: Float64, shape: tuple[int, ...]):
        self.options, self.weight, self.shape = options, weight, shape
        self.denominator = 1.0
        if options.reduction == "mean":
            self.denominator = float(counted.sum() if options.normalizer is None else options.normalizer)
        self.upstream = weight / self.denominator if self.denominator != 0 else np.zeros_like(weight)

    def of(self, values: Float64) -> Value:
        """Return the reduced values."""
        each = weighted(self.weight, values)
        if self.options.reduction == "none":
            return each.reshape(self.shape) if self.shape else float(each.item())
        if self.denominator == 0:
            return float("nan") if self.options.empty == "nan" else 0.0
        return float(each.sum()) / self.denominator


def weighted(weight: Each, values: Each) -> Float64:
    """Return weight · values with 0 · anything = 0: what has no weight cannot make the rest infinite."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(weight == 0, 0.0, weight * values)


def _with_last(array: Array, axis: int) -> Array:
    """Return the array with this axis last; ``np.moveaxis`` takes as long as a small loss."""
    return array if axis == array.ndim - 1 else np.moveaxis(array, axis, -1)


def _row_sums(values: Array) -> Float64:
    sums: Float64 = values.sum(axis=-1, dtype=np.float64)
    return sums.reshape(-1)
