"""Spline calibration: a smooth rising curve of the log-odds, as smooth as cross-validation finds best."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.calibration._base import CalibrationRows
from xent.calibration._one_vs_rest import ORDER, BinaryCalibrator, one_vs_rest
from xent.calibration._pav import pooled
from xent.calibration._pieces import fit_pieces, pieces, roughness
from xent.calibration._rising_fit import Counts
from xent.errors import OptionError

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]

#: Smoothness is chosen on at most so many cells of neighbouring scores; the curve is then fitted to all of them.
_CELLS = 1000
_FOLDS = 5
_SMOOTHNESS = tuple(10.0**exponent for exponent in range(2, -7, -1))


def _spline(xp: Any, z: Any, curves: Any) -> Any:
    return one_vs_rest(xp, z, pieces, curves)


class SplineCalibration(BinaryCalibrator):
    """A smooth rising curve from log-odds to log-odds: parabolas between knots, straight beyond the outermost.

    Its slope runs in straight lines from knot to knot and is ≥ 0. It minimises the mean cross-entropy plus ``λ s³ ∫
    g''²``, with s the deviation of the scores: λ → ∞ is a line, Platt scaling, small λ nearly isotonic. λ is the one of
    nine, 10² … 10⁻⁶, with the least log loss in five-fold cross-validation, the smoother of equals.

    Parameters
    ----------
    n_knots
        How many knots at most, ≥ 2, at equal shares of the rows' weight from 0.5 % to 99.5 %.
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    curves_
        The pieces of the log-odds of class 1, or of each of K > 2 classes: ``value + slope h + bend h²`` with h = m -
        start, piece i from knot i to the next, the first below all knots.
    smoothness_
        The λ of each curve.
    reasons_
        For each curve None, or why it learnt little: "one class", "one score", "misleading" (higher scores go with
        fewer rows of the class).

    Notes
    -----
    Shapes, targets, and classes without rows are as in :class:`PlattScaling`; so is what scores times a factor give.
    Logits must be finite. Rows of one score are in one fold, every fifth of up to 1000 cells of equal weight, so that
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

    smoothness_: list[float]

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
        self.smoothness_ = []
        super()._fit(rows)

    def _fit_curve(self, m: Float64, is_one: Bool, weight: Float64) -> dict[str, Any]:
        x, ones, weights = pooled(m, is_one, weight)
        rows = Counts(x, ones, weights)
        shares = np.linspace(0.0, 1.0, self.n_knots)
        shares[0], shares[-1] = 0.005, 0.995
        below = np.cumsum(weights)
        knots = np.unique(x[np.searchsorted(below, shares * below[-1] * (1.0 - 1e-12))])
        mean = float(weights @ x) / below[-1]
        deviation = float(np.sqrt(weights @ (x - mean) ** 2 / below[-1]))
        penalty = deviation**3 * roughness(knots)
        smoothness = _smoothest_best(_cells(rows), knots, penalty)
        self.smoothness_.append(smoothness)
        return fit_pieces(rows, knots, smoothness * penalty)

    @classmethod
    def _stored(cls) -> tuple[str, ...]:
        return (*super()._stored(), "smoothness_")


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
    """Return the λ with the least cross-validated log loss; the greatest where the rows cannot tell."""
    fold = np.arange(len(rows.m)) % _FOLDS
    if len(knots) < 3 or len(rows.m) < 2 * _FOLDS:
        return _SMOOTHNESS[0]
    losses = np.zeros(len(_SMOOTHNESS))
    for number in range(_FOLDS):
        learn, judge = (Counts(*(each[pick] for each in rows)) for pick in (fold != number, fold == number))
        for i, smoothness in enumerate(_SMOOTHNESS):
            g = pieces(np, judge.m, **fit_pieces(learn, knots, smoothness * penalty))
            losses[i] += judge.ones @ np.logaddexp(0.0, -g) + (judge.weight - judge.ones) @ np.logaddexp(0.0, g)
    return _SMOOTHNESS[int(np.flatnonzero(losses <= losses.min() * (1.0 + 1e-9))[0])]
