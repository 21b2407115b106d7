"""Temperature scaling, fitted by Newton's method on sums: a few passes, no copy of the logits.

The mean loss f(β) = mean(log Σ_k exp(β z_k) - β z_y) is convex in β = 1/T. With z taken relative to its row's maximum,
the derivative of one row is E[z] - z_y and the second derivative Var[z], both under softmax(β z). Both are sums over
rows, so rows may come in pieces and the whole is never held.

Source: Guo et al. 2017 (arXiv:1706.04599).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.errors import OptionError
from xent.kernels import backend_for

Array = NDArray[Any]
Float64 = NDArray[np.float64]


class TemperatureFit:
    """A fit that is given its rows pass by pass, and moves to its next trial temperature after each pass.

    Call :meth:`add` with every row (in pieces, in any order), then :meth:`step`; repeat until ``done``.
    :func:`fit_temperature` does so for arrays.

    Parameters
    ----------
    start
        The first trial temperature; a good one (say from a sample) saves passes.
    tolerance
        Done when a Newton step changes log T by less; that last step is taken, so log T is right to about its square.

    Attributes
    ----------
    temperature
        The present trial; when ``done``, the result. 1.0 where there is none (see ``reason``).
    standard_error
        Of the temperature, by the sandwich formula, which does not assume the model to be right; NaN until a pass is
        complete.
    gradient
        d mean loss / d log T in nats, measured at the last trial: the certificate of the fit. The last Newton step,
        taken after it, leaves less than this.
    rows
        Rows with weight in the last pass.
    passes
        Completed passes.
    converged
        Whether the tolerance was reached.
    reason
        None, or why no temperature exists: ``"separable"`` (every row is right: the loss falls for ever as T → 0),
        ``"uninformative"`` (the scores say nothing of the labels, or mislead: the best T is infinite), ``"no rows"``.
    """

    def __init__(self, start: float = 1.0, tolerance: float = 1e-5) -> None:
        self.temperature = _validate.positive("TemperatureFit", "start", start)
        self.tolerance = _validate.positive("TemperatureFit", "tolerance", tolerance)
        self.standard_error = math.nan
        self.gradient = math.nan
        self.rows = 0
        self.passes = 0
        self.done = False
        self.converged = False
        self.reason: str | None = None
        self._low, self._high = -math.inf, math.inf  # a bracket of log β
        self._clear()

    _MAX_PASSES = 60

    def _clear(self) -> None:
        self._weight = self._slope = self._slope_squares = self._curvature = 0.0
        self._slope_at_zero = self._slope_at_infinity = 0.0
        self._n = 0

    def add(self, logits: Array, target: NDArray[np.int64], weight: Float64 | None = None) -> None:
        """Add rows (n, K) with their class indices; those whose target has a logit of -inf are left out: no T helps."""
        if self.done or len(logits) == 0:
            return
        kernels = backend_for(logits)
        stats = kernels.row_stats(logits, target)
        usable = np.isfinite(stats.target_logit)
        each = usable.astype(np.float64) if weight is None else np.where(usable, weight, 0.0)
        at_target = np.where(usable, stats.target_logit, 0.0)
        with np.errstate(over="ignore"):  # of logits beyond 1e150: the fit then does not converge, and says so
            mean, variance = kernels.row_moments(logits, scale=1.0 / self.temperature)
        slope = mean - at_target
        self._n += int((each > 0).sum())
        with np.errstate(over="ignore"):
            self._slope_squares += float(np.square(each * slope).sum())
        # Sums and not dot products: a BLAS would share them among threads, and the bits would follow their number.
        self._weight += float(each.sum())
        self._slope += float((each * slope).sum())
        self._curvature += float((each * variance).sum())
        self._slope_at_infinity -= float((each * at_target).sum())
        if self.passes == 0:
            mean_at_zero, _ = kernels.row_moments(logits, scale=0.0)
            self._slope_at_zero += float((each * (mean_at_zero - at_target)).sum())

    def step(self) -> None:
        """End a pass: take the Newton step in log β, kept inside the bracket that the sign of the slope gives."""
        if self.done:
            return
        self.passes += 1
        self.rows = self._n
        if self.passes == 1 and self._give_up():
            return
        beta = 1.0 / self.temperature
        slope = self._slope / self._weight
        curvature = self._curvature / self._weight
        self.gradient = -beta * slope
        if self._curvature > 0:
            self.standard_error = self.temperature * math.sqrt(self._slope_squares) / self._curvature / beta
        log_beta = math.log(beta)
        if slope > 0:
            self._high = log_beta
        else:
            self._low = log_beta
        # In log β: f' = β·slope, f'' = β²·curvature + β·slope. Where f'' is not safely positive, β²·curvature is.
        bend = beta * beta * curvature + max(beta * slope, 0.0)
        change = -beta * slope / bend if 0 < bend < math.inf else math.copysign(2.0, -slope)
        self.converged = abs(change) < self.tolerance
        self.done = self.converged or self.passes >= self._MAX_PASSES
        self.temperature = math.exp(-self._within_bracket(log_beta, max(-2.0, min(2.0, change))))
        self._clear()

    def _within_bracket(self, log_beta: float, change: float) -> float:
        trial = log_beta + change
        if self._low < trial < self._high or trial == log_beta or math.isinf(self._high - self._low):
            return trial  # a step points into the bracket, from its end
        return (self._low + self._high) / 2.0

    def _give_up(self) -> bool:
        """Say whether no temperature exists, which the slopes at β = 0 and β → ∞ tell; the trial is then 1."""
        if self._weight == 0:
            self.reason = "no rows"
        elif self._slope_at_infinity <= 0:
            self.reason = "separable"
        elif self._slope_at_zero >= 0:
            self.reason = "uninformative"
        if self.reason is None:
            return False
        self.temperature = 1.0
        self.done = True
        return True


def typical_temperature(logits: Array) -> float:
    """Return a temperature of the size of the logits' differences: from there the optimum is a few steps away."""
    below = logits.max(axis=1, keepdims=True) - logits
    below = below[np.isfinite(below) & (below > 0)]
    return min(max(float(np.median(below)), 1e-300), 1e300) if len(below) else 1.0


def fit_temperature(
    logits: ArrayLike, target: ArrayLike, *, sample_weight: ArrayLike | None = None, start: float | None = None
) -> TemperatureFit:
    """Fit the temperature T that minimises the mean cross-entropy of ``logits / T``.

    Parameters
    ----------
    logits
        Scores (n, K): float32, float64 or integers; not probabilities (pass their logarithm).
    target
        Class indices (n,).
    sample_weight
        One finite weight ≥ 0 a row.
    start
        First trial temperature; None takes one of the size of the logits' differences.

    Returns
    -------
    The finished :class:`TemperatureFit`: ``temperature``, ``standard_error``, ``gradient``, ``converged``, ``reason``.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Logits that are not (n, K); rows that are NaN, hold +inf or are all -inf; labels that are no classes.

    Examples
    --------
    One logit m, the rest 0, a share a of right rows: T = m / log((K-1) a / (1-a)).

    >>> logits = [[4.0, 0.0, 0.0]] * 10
    >>> fit = fit_temperature(logits, [0] * 8 + [1] * 2)
    >>> bool(np.isclose(fit.temperature, 4.0 / np.log(2 * 0.8 / 0.2)))
    True
    """
    function = "fit_temperature"
    rows = _validate.floating(function, "logits", logits)
    if rows.dtype == np.float16:
        rows = rows.astype(np.float32)
    _validate.rows(function, "logits", rows)
    if not _validate.is_class_index(function, target, rows.shape, 1):
        raise OptionError(
            function,
            f"target must be class indices; got shape {np.shape(target)}",
            "take argmax, or repeat rows with weights",
        )
    index = _validate.class_indices(function, target, rows.shape[1])
    top = rows.max(axis=1, initial=-np.inf)
    if not np.isfinite(top).all():
        row = int((~np.isfinite(top)).argmax())
        raise OptionError(
            function,
            f"logits must not be NaN, +inf or -inf throughout a row; got {top[row]} as the largest at row {row}",
            "leave such rows out",
        )
    weight = None
    if sample_weight is not None:
        weight = _validate.weights(function, "sample_weight", sample_weight, index.shape)
    chunk = max(1, (1 << 21) // rows.shape[1])
    if start is None:
        start = typical_temperature(rows[: max(1, 20_000 // rows.shape[1])])
    fit = TemperatureFit(start)
    while not fit.done:
        for begin in range(0, len(rows), chunk):
            part = slice(begin, begin + chunk)
            fit.add(rows[part], index[part], None if weight is None else weight[part])
        fit.step()
    return fit
