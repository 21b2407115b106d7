"""Spline calibration: a smooth rising curve of the log-odds, as smooth as cross-validation finds best."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.calibration._one_vs_rest import ORDER, BinaryCalibrator, one_vs_rest
from xent.calibration._pav import pooled
from xent.calibration._pieces import fit_pieces, pieces, ramps, roughness
from xent.calibration._rising_fit import Counts, fit_rising
from xent.calibration._rows import CalibrationRows
from xent.errors import OptionError

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]

#: Smoothness is chosen on at most so many cells of neighbouring scores; the curve is then fitted to all of them.
_CELLS = 500
_FOLDS = 5
_SMOOTHNESS = tuple(10.0**exponent for exponent in range(2, -7, -1))


def _spline(xp: Any, z: Any, curves: Any) -> Any:
    return one_vs_rest(xp, z, pieces, curves)


class SplineCalibration(BinaryCalibrator):
    """A smooth rising curve from log-odds to log-odds: parabolas between knots, straight beyond the outermost.

    Its slope runs in straight lines from knot to knot and is ≥ 0. It minimises the mean cross-entropy plus ``λ s³ ∫
    g''²``, with s the deviation of the scores: λ → ∞ is a line, Platt scaling, small λ nearly isotonic. λ is the one of
    nine, 10² … 10⁻⁶, with the least log loss in five-fold cross-validation, or the greatest that is within one standard
    error of that.

    Parameters
    ----------
    n_knots
        How many knots at most, ≥ 2, at equal shares of the rows' weight from 0.5 % to 99.5 %, the rows of the class
        weighing as much as the others.
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    curves_
        The pieces of the log-odds of class 1, or of each of K > 2 classes: ``value + slope h + bend h²`` with h = m -
        start, piece i from knot i to the next, the first below all knots.
    smoothness_
        The λ of each curve, an array.
    reasons_
        For each curve None, or why it learnt little: "one class", "one score", "misleading" (higher scores go with
        fewer rows of the class).

    Notes
    -----
    Shapes, targets, and classes without rows are as in :class:`PlattScaling`; so is what scores times a factor give.
    Logits must be finite. Rows of one score are in one fold, every fifth of up to 500 cells of equal weight, so that
    the result depends on no seed and a weight is that many rows. Why log-odds: a calibrated score is a straight line
    there, which the penalty does not touch, and no probability leaves (0, 1), as it may where a spline of the
    cumulative shares is differentiated (Gupta et al. 2021, arXiv:2006.12800). Source for splines of scores in logistic
    regression, there cubic and not held to rise: Lucena 2018 (arXiv:1809.07751).

    Examples
    --------
    >>> import numpy as np
    >>> from xent.calibration import SplineCalibration
    >>> m = np.linspace(-4.0, 4.0, 2000)
    >>> y = (np.arange(2000) * 0.618 % 1.0 < 1.0 / (1.0 + np.exp(-m / 2.0))).astype(int)  # twice too sure
    >>> SplineCalibration().fit(m, y).transform([-2.0, 0.0, 2.0]).round(1) + 0.0
    array([-1.,  0.,  1.])
    """

    preserves = f"{ORDER}; but for ties where the slope is 0"
    _formula = staticmethod(_spline)

    smoothness_: Float64

    def __init__(self, n_knots: int = 8, *, ignore_index: int = -100) -> None:
        super().__init__(ignore_index=ignore_index)
        self.n_knots = n_knots

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 300 a class: few rows get a line or nearly so."""
        return 300 * n_classes

    def _fit(self, rows: CalibrationRows) -> None:
        if not (isinstance(self.n_knots, int | np.integer) and self.n_knots >= 2):
            raise OptionError(
                self._name("fit"), f"n_knots must be an integer ≥ 2; got {self.n_knots!r}", "8 is enough for most"
            )
        self.smoothness_ = np.zeros(0)
        super()._fit(rows)

    def _fit_curve(self, m: Float64, is_one: Bool, weight: Float64) -> dict[str, Any]:
        x, ones, weights = pooled(m, is_one, weight)
        rows = Counts(x, ones, weights)
        total = float(weights.sum())
        deviation = float(np.sqrt(weights @ (x - float(weights @ x) / total) ** 2 / total))
        knots = _knots(rows, self.n_knots, 0.01 * deviation)
        penalty = deviation**3 * roughness(knots)
        smoothness = _smoothest_best(_cells(rows), knots, penalty)
        self.smoothness_ = np.append(self.smoothness_, smoothness)
        return fit_pieces(rows, knots, smoothness * penalty)

    @classmethod
    def _stored(cls) -> tuple[str, ...]:
        return (*super()._stored(), "smoothness_")


def _knots(rows: Counts, n_knots: int, apart: float) -> Float64:
    """Return up to so many scores, from 0.5 % to 99.5 % of the rows' weight, where either label's rows weigh half."""
    n_one, n_zero = float(rows.ones.sum()), float((rows.weight - rows.ones).sum())
    weight = rows.weight
    if n_one > 0 and n_zero > 0:
        weight = rows.ones / n_one + (rows.weight - rows.ones) / n_zero
    below = np.cumsum(weight)
    shares = np.linspace(0.0, 1.0, n_knots)
    shares[0], shares[-1] = 0.005, 0.995
    result: list[float] = []
    for knot in rows.m[np.searchsorted(below, shares * below[-1] * (1.0 - 1e-12))].tolist():
        if not result or knot - result[-1] > apart:
            result.append(knot)
    return np.array(result)


def _cells(rows: Counts) -> Counts:
    """Return the rows in cells of neighbouring scores of about equal weight, each at its mean score."""
    if len(rows.m) <= _CELLS:
        return rows
    middle = np.cumsum(rows.weight) - 0.5 * rows.weight
    cell = np.minimum((middle / rows.weight.sum() * _CELLS).astype(np.int64), _CELLS - 1)
    starts = np.flatnonzero(np.append(True, np.diff(cell) > 0))
    weight = np.add.reduceat(rows.weight, starts)
    return Counts(np.add.reduceat(rows.weight * rows.m, starts) / weight, np.add.reduceat(rows.ones, starts), weight)


def _smoothest_best(rows: Counts, knots: Float64, penalty: Float64) -> float:
    """Return the greatest λ whose cross-validated log loss is within one standard error of the least.

    The error is that of the difference of the two, over the cells.
    """
    fold = np.arange(len(rows.m)) % _FOLDS

    def features(m: Float64) -> Float64:
        return ramps(m, knots)

    if len(knots) < 3 or len(rows.m) < 2 * _FOLDS:
        return _SMOOTHNESS[0]
    losses = np.zeros((len(_SMOOTHNESS), len(rows.m)))
    for number in range(_FOLDS):
        judged = fold == number
        learn, judge = (Counts(*(each[pick] for each in rows)) for pick in (~judged, judged))
        at_judged, fit = ramps(judge.m, knots), None
        for i, smoothness in enumerate(_SMOOTHNESS):
            fit = fit_rising(learn, features, penalty=smoothness * penalty, start=fit, tolerance=1e-10)
            g = fit[0] + at_judged @ fit[1]
            losses[i, judged] = judge.ones * np.logaddexp(0.0, -g) + (judge.weight - judge.ones) * np.logaddexp(0.0, g)
    behind = losses - losses[losses.sum(axis=1).argmin()]
    error = np.sqrt(len(rows.m)) * behind.std(axis=1)
    return _SMOOTHNESS[int((behind.sum(axis=1) <= error + 1e-9 * losses.sum(axis=1).min()).argmax())]
