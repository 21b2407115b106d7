"""Temperature scaling, fitted by Halley's method (Newton's, and a third derivative) on sums: a few passes, no copy.

The mean loss f(β) = mean(log Σ_k exp(β z_k) - β z_y) is convex in β = 1/T. With z taken relative to its row's maximum,
the derivatives of one row are E[z] - z_y, Var[z] and E[(z - E[z])³], all under softmax(β z). All are sums over rows, so
rows may come in pieces and the whole is never held.

Source: Guo et al. 2017 (arXiv:1706.04599).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.errors import OptionError
from xent.kernels import backend_for, compiled_for
from xent.kernels.numpy import TemperatureSums

Array = NDArray[Any]
Float64 = NDArray[np.float64]

_NOTHING = TemperatureSums(*[0.0] * len(TemperatureSums._fields))


class TemperatureFit:
    """A fit that is given its rows pass by pass, and moves to its next trial temperature after each pass.

    Call :meth:`add` with every row (in pieces, in any order), then :meth:`step`; repeat until ``done``.
    :func:`fit_temperature` does so for arrays.

    Parameters
    ----------
    start
        The first trial temperature; a good one (say from a sample) saves passes.
    tolerance
        Done when a step changes log T by less; that last step is taken, so log T is right to about its cube.

    Attributes
    ----------
    temperature
        The present trial; when ``done``, the result. 1.0 where there is none (see ``reason``).
    standard_error
        Of the temperature, by the sandwich formula, which does not assume the model to be right; NaN until a pass is
        complete.
    gradient
        d mean loss / d log T in nats, measured at the last trial: the certificate of the fit. The last step,
        taken after it, leaves less than this.
    rows
        Rows with weight in the last pass.
    undefined
        Rows of the last pass without a distribution: NaN, a +inf, or -inf throughout. They are left out.
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
        self.undefined = 0
        self.passes = 0
        self.done = False
        self.converged = False
        self.reason: str | None = None
        self._low, self._high = -math.inf, math.inf  # a bracket of log β
        self._sums = _NOTHING

    _MAX_PASSES = 60

    def add(self, logits: Array, target: Array, weight: Float64 | None = None) -> None:
        """Add rows (n, K) with their class indices; those whose target has a logit of -inf are left out: no T helps."""
        if self.done or len(logits) == 0:
            return
        sums = backend_for(logits).temperature_sums(logits, target, weight, scale=1.0 / self.temperature)
        self._sums = TemperatureSums(*(total + part for total, part in zip(self._sums, sums, strict=True)))

    def step(self) -> None:
        """End a pass: take a step in log β, kept inside the bracket that the sign of the slope gives."""
        if self.done:
            return
        self.passes += 1
        sums, self._sums = self._sums, _NOTHING
        self.rows = int(sums.rows)
        self.undefined = int(sums.undefined)
        if self.passes == 1 and self._give_up(sums):
            return
        beta = 1.0 / self.temperature
        slope = sums.slope / sums.weight
        curvature = sums.curvature / sums.weight
        self.gradient = -beta * slope
        if sums.curvature > 0:
            self.standard_error = self.temperature * math.sqrt(sums.slope_squares) / sums.curvature / beta
        log_beta = math.log(beta)
        if slope > 0:
            self._high = log_beta
        else:
            self._low = log_beta
        # In log β: f' = β·slope, f'' = β²·curvature + β·slope. Where f'' is not safely positive, β²·curvature is.
        first, second = beta * slope, beta * beta * curvature
        bend = second + max(first, 0.0)
        change = -first / bend if 0 < bend < math.inf else math.copysign(2.0, -slope)
        # Near the optimum Halley's step, which the third derivative makes better by an order.
        third = beta * beta * beta * (sums.bend / sums.weight) + 3.0 * second + first
        if second + first > 0:
            newton = -first / (second + first)
            skew = newton * third / (second + first)
            change = newton / (1.0 + skew / 2.0) if abs(skew) < 1.0 else change
        self.converged = abs(change) < self.tolerance
        self.done = self.converged or self.passes >= self._MAX_PASSES
        self.temperature = math.exp(-self._within_bracket(log_beta, max(-2.0, min(2.0, change))))

    def _within_bracket(self, log_beta: float, change: float) -> float:
        trial = log_beta + change
        if self._low < trial < self._high or trial == log_beta or math.isinf(self._high - self._low):
            return trial  # a step points into the bracket, from its end
        return (self._low + self._high) / 2.0

    def _give_up(self, sums: TemperatureSums) -> bool:
        """Say whether no temperature exists, which the slopes at β = 0 and β → ∞ tell; the trial is then 1."""
        if sums.weight == 0:
            self.reason = "no rows"
        elif sums.slope_at_infinity <= 0:
            self.reason = "separable"
        elif sums.slope_at_zero >= 0:
            self.reason = "uninformative"
        if self.reason is None:
            return False
        self.temperature = 1.0
        self.done = True
        return True


def typical_temperature(logits: Array) -> float:
    """Return a temperature of the size of the logits' differences: from there the optimum is a few steps away."""
    with np.errstate(invalid="ignore"):
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
        Scores (n, K): float16, float32, float64 or integers; not probabilities (pass their logarithm).
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
    _validate.rows(function, "logits", rows)
    if not _validate.is_class_index(function, target, rows.shape, 1):
        raise OptionError(
            function,
            f"target must be class indices; got shape {np.shape(target)}",
            "take argmax, or repeat rows with weights",
        )
    index = np.asarray(target).reshape(-1)
    if index.size and not (index.min() >= 0 and index.max() < rows.shape[1]):
        _validate.class_indices(function, target, rows.shape[1])  # says what is wrong
    weight = None
    if sample_weight is not None:
        weight = _validate.sample_weights(function, sample_weight, index.shape)
    if start is not None:
        start = _validate.positive(function, "start", start, "None takes one from a sample of the rows")
    fit = TemperatureFit(_start(rows, index, weight) if start is None else start)
    _run(fit, rows, index, weight)
    if fit.undefined:
        top = rows.max(axis=1)
        row = int((~np.isfinite(top)).argmax())
        raise OptionError(
            function,
            f"logits must not be NaN, +inf or -inf throughout a row; got {top[row]} as the largest at row {row}",
            "leave such rows out",
        )
    return fit


_SAMPLE = 4096  # rows below which a sample is not worth its passes


def _run(fit: TemperatureFit, rows: Array, index: Array, weight: Float64 | None) -> None:
    """Give a fit the rows until it is done, or until a pass has met rows without a distribution.

    For the kernels of NumPy rows go in pieces: they hold several arrays of the size. The compiled ones hold none.
    """
    chunk = max(1, (1 << 21) // rows.shape[1] if compiled_for(rows) is None else len(rows))
    while not fit.done:
        for begin in range(0, len(rows), chunk):
            part = slice(begin, begin + chunk)
            fit.add(rows[part], index[part], None if weight is None else weight[part])
        fit.step()
        if fit.undefined:
            return


def _start(rows: Array, index: Array, weight: Float64 | None) -> float:
    """Return the temperature of every 16th row, which is a few thousandths from that of all, or what is typical."""
    start = typical_temperature(rows[: max(1, 20_000 // rows.shape[1])].astype(np.float64))
    step = min(16, len(rows) // _SAMPLE)
    if step < 2:
        return start
    fit = TemperatureFit(start, 1e-2)
    _run(fit, rows[::step], index[::step], None if weight is None else weight[::step])
    return fit.temperature if fit.converged and not fit.undefined else start
