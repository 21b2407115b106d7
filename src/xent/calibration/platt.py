"""Calibrators that are a few numbers of one log-odds: a line, a rising parabola, a rising curve of two tails."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.calibration._one_vs_rest import ORDER, BinaryCalibrator, log_sigmoid, one_vs_rest
from xent.calibration._pieces import fit_pieces, pieces
from xent.calibration._rising_fit import Counts, fit_rising

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]


def _line(xp: Any, m: Any, slope: Any, intercept: Any) -> Any:
    return slope * m + intercept


def _platt(xp: Any, z: Any, curves: Any) -> Any:
    return one_vs_rest(xp, z, _line, curves)


def _counts(m: Float64, is_one: Bool, weight: Float64) -> Counts:
    return Counts(m, np.where(is_one, weight, 0.0), weight)


class PlattScaling(BinaryCalibrator):
    """A line through the log-odds: ``slope · m + intercept``, with the least mean cross-entropy; each class for itself.

    Labels 1 count as (n₁+1)/(n₁+2) and labels 0 as 1/(n₀+2), Platt's own targets, where n₁ and n₀ are the weights of
    the rows with these labels: classes that the scores separate wholly get a steep line, not an infinite one, and a
    class without rows the probability 1/(n+2).

    Parameters
    ----------
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    curves_
        ``{"slope", "intercept"}`` of the log-odds of class 1, or of each of K > 2 classes.
    reasons_
        For each curve None, or why it learnt little: "one class", "one score", "misleading" (higher scores go with
        fewer rows of the class: the slope is negative, and the order of the rows turned round).

    Notes
    -----
    Takes logits (n,), the log-odds m of class 1; (n, 2), m = z₁ - z₀; (n, K), each class against the rest, whose
    probabilities are then divided by their sum. Scores times a factor give the same probabilities. Logits must be
    finite. A weight is that many rows: weights that sum to 1 are one row in all. Sibling: :class:`BetaCalibration`,
    whose tails may differ. Source: Platt 1999; Lin, Lin & Weng 2007 (doi:10.1007/s10994-007-5018-6).

    Examples
    --------
    >>> from xent.calibration import PlattScaling
    >>> calibrator = PlattScaling().fit([-3.0] * 8 + [3.0] * 8, [0] * 7 + [1] * 9)
    >>> calibrator.predict_proba([3.0]).round(4)  # (1 · 1/9 + 7 · 0) of the smoothed targets
    array([[0.0909, 0.9091]])
    """

    preserves = f"{ORDER}; a negative slope turns it round"
    _formula = staticmethod(_platt)

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 50 a class: a slope and an intercept of each."""
        return 50 * n_classes

    def _fit_curve(self, m: Float64, is_one: Bool, weight: Float64) -> dict[str, Any]:
        intercept, slopes = fit_rising(_counts(m, is_one, weight), lambda part: part[:, None], rising=False)
        return {"slope": float(slopes[0]), "intercept": intercept}


def _quadratic(xp: Any, z: Any, curves: Any) -> Any:
    return one_vs_rest(xp, z, pieces, curves)


class QuadraticScaling(BinaryCalibrator):
    """A parabola through the log-odds, ``a + b m + c m²``, rising over the rows, straight beyond them.

    Two normal distributions of scores with different variances have such log-odds. The published method lets the
    parabola turn: then surer rows get smaller probabilities, and a score beyond those seen may get any. Here the slope
    is ≥ 0 at the lowest and the highest score of the rows, and stays what it is beyond them. Where the best parabola
    rises over the rows, this is it.

    Parameters
    ----------
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    curves_
        The pieces of the log-odds of class 1, or of each of K > 2 classes: ``value + slope h + bend h²`` with h = m -
        start, one piece below the knots (the lowest and the highest score), one between them, one above.
    reasons_
        For each curve None, or why it learnt little: "one class", "one score", "misleading" (higher scores go with
        fewer rows of the class).

    Notes
    -----
    Shapes, targets and classes without rows are as in :class:`PlattScaling`; so is what scores times a factor give.
    Logits must be finite. Source: Berta, Holzmüller, Jordan & Bach 2025 (arXiv:2511.03685), there without bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.calibration import QuadraticScaling
    >>> m = np.repeat([-2.0, 0.0, 2.0], 1000)
    >>> y = np.concatenate([np.arange(1000) < ones for ones in (200, 400, 900)]).astype(int)
    >>> QuadraticScaling().fit(m, y).predict_proba([-2.0, 0.0, 2.0])[:, 1].round(2)
    array([0.2, 0.4, 0.9])
    """

    preserves = f"{ORDER}; but for ties where the slope reaches 0"
    _formula = staticmethod(_quadratic)

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 100 a class: three numbers of each."""
        return 100 * n_classes

    def _fit_curve(self, m: Float64, is_one: Bool, weight: Float64) -> dict[str, Any]:
        return fit_pieces(_counts(m, is_one, weight), np.unique([m.min(), m.max()]))


def _two_tails(xp: Any, m: Any, a: Any, b: Any, c: Any) -> Any:
    log_p, log_q = log_sigmoid(xp, m), log_sigmoid(xp, -m)
    return xp.where(a == 0.0, 0.0, a * log_p) - xp.where(b == 0.0, 0.0, b * log_q) + c


def _beta(xp: Any, z: Any, curves: Any) -> Any:
    return one_vs_rest(xp, z, _two_tails, curves)


def _log_probs(m: Float64) -> Float64:
    rest = np.log1p(np.exp(-np.abs(m)))
    return np.stack([np.minimum(m, 0.0) - rest, np.maximum(m, 0.0) + rest], axis=1)


class BetaCalibration(BinaryCalibrator):
    """Two slopes for two tails: log-odds ``a log p - b log(1 - p) + c`` of p = sigmoid(m), with a, b ≥ 0.

    Far below 0 the curve has the slope a, far above the slope b. Scores with a beta distribution in either class have
    such log-odds; a = b is a line. Logarithms are taken of the log-odds, not of clipped probabilities, so a p that
    rounds to 1 is told from others.

    Parameters
    ----------
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    curves_
        ``{"a", "b", "c"}`` of the log-odds of class 1, or of each of K > 2 classes.
    reasons_
        For each curve None, or why it learnt little: "one class", "one score", "misleading" (higher scores go with
        fewer rows of the class; a and b are then often both 0).

    Notes
    -----
    Shapes, targets and classes without rows are as in :class:`PlattScaling`. The scores should be log-odds to begin
    with: their 0 has a meaning here, and scores times a factor give other probabilities. Logits must be finite. Source:
    Kull, Silva Filho & Flach 2017 (https://proceedings.mlr.press/v54/kull17a.html), there with the bare labels.

    Examples
    --------
    >>> import numpy as np
    >>> from xent.calibration import BetaCalibration
    >>> m = np.repeat([-2.0, 0.0, 2.0], 1000)
    >>> y = np.concatenate([np.arange(1000) < ones for ones in (200, 400, 900)]).astype(int)
    >>> BetaCalibration().fit(m, y).predict_proba([-2.0, 0.0, 2.0])[:, 1].round(2)
    array([0.2, 0.4, 0.9])
    """

    preserves = f"{ORDER}; but for ties where a or b is 0"
    _formula = staticmethod(_beta)

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 100 a class: three numbers of each."""
        return 100 * n_classes

    def _fit_curve(self, m: Float64, is_one: Bool, weight: Float64) -> dict[str, Any]:
        c, (a, b) = fit_rising(_counts(m, is_one, weight), _log_probs)
        return {"a": float(a), "b": float(b), "c": c}
