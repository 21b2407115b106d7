"""Histogram binning: one probability for all scores of a bin."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent import _validate
from xent.calibration._arguments import check_bins
from xent.calibration._one_vs_rest import BinaryCalibrator, one_vs_rest
from xent.calibration._pav import just_below, pooled
from xent.calibration._rows import CalibrationRows

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]


def _bins(xp: Any, m: Any, edges: Any, value: Any) -> Any:
    return xp.where(m == m, value[xp.searchsorted(edges, m, side="right")], m)


def _histogram(xp: Any, z: Any, curves: Any) -> Any:
    return one_vs_rest(xp, z, _bins, curves)


class HistogramBinning(BinaryCalibrator):
    """The share of a class among the rows of a bin of scores, as the probability of all scores in it.

    The share is ``(n₁ + 2π) / (n + 2)`` for n rows of which n₁ are of the class, with ``π = (N₁ + 1)/(N + 2)`` of all
    rows: two further rows a bin, as all rows are. So none is 0 or 1, and no new row has an infinite loss. The logarithm
    of the odds of a bin without rows lies between those of its nearest neighbours with rows, in proportion.

    Parameters
    ----------
    n_bins
        How many bins, ≥ 1. With "mass" there are fewer where many scores are equal.
    strategy
        "width": bins of equal width in probability, [0, 1/B), …, [(B-1)/B, 1]; "mass": of equal weight of rows. The
        latter is the more even for two classes; of many, each a small share of the rows, it puts most rows of a class
        into its highest bin, and ties cost accuracy.
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    curves_
        ``{"edges", "value"}`` of the log-odds of class 1, or of each of K > 2 classes: the lower edges of all bins but
        the first, which belong to the bin above them, and the bins' log-odds, all in nats.
    reasons_
        For each curve None, or why it learnt little: "one class", "one score", "misleading" (higher scores go with
        fewer rows of the class).

    Notes
    -----
    Shapes are as in :class:`IsotonicCalibration`, ±inf and weights too. The probability of a bin is an average, which
    has a guarantee where other calibrators have a form (Gupta & Ramdas 2021, arXiv:2105.04656); the order of the rows
    within a bin is lost, and bins need not rise. Source: Zadrozny & Elkan 2001.

    Examples
    --------
    >>> from xent.calibration import HistogramBinning
    >>> m, y = [-3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0], [0, 0, 0, 1, 0, 1, 1, 1]
    >>> HistogramBinning(2).fit(m, y).predict_proba([-9.0, -0.2, 0.5])[:, 1].round(6)  # (1+1)/(4+2), (3+1)/(4+2)
    array([0.333333, 0.333333, 0.666667])
    """

    preserves = "nothing for certain: rows of one bin become ties"
    _formula = staticmethod(_histogram)
    _takes_minus_inf = True

    def __init__(self, n_bins: int = 15, *, strategy: str = "width", ignore_index: int = -100) -> None:
        super().__init__(ignore_index=ignore_index)
        self.n_bins = n_bins
        self.strategy = strategy

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 1000 a class: some 70 a bin of the default 15."""
        return 1000 * n_classes

    def _fit(self, rows: CalibrationRows) -> None:
        function = self._name("fit")
        check_bins(function, self.n_bins)
        hint = "'mass' has as many rows in every bin"
        _validate.choice(function, "strategy", self.strategy, ("width", "mass"), hint)
        super()._fit(rows)

    def _fit_curve(self, m: Float64, is_one: Bool, weight: Float64) -> dict[str, Any]:
        x, ones, weights = pooled(m, is_one, weight)
        cuts = np.arange(1, self.n_bins) / self.n_bins
        if self.strategy == "width":
            edges = np.log(cuts) - np.log1p(-cuts)
        else:
            below = np.cumsum(weights)
            # The first score of a bin is the first with at least its share of the weight before it.
            first = np.unique(np.searchsorted(below, cuts * below[-1] * (1.0 - 1e-12)) + 1)
            edges = just_below(x)[first[first < len(x)]]
        index = np.searchsorted(edges, x, side="right")
        each = np.stack([ones, np.maximum(weights - ones, 0.0)])  # of label 1, of label 0; sums round
        share = (each.sum(axis=1) + 1.0) / (weights.sum() + 2.0)
        one, zero = (np.bincount(index, part, minlength=len(edges) + 1) for part in each)
        filled = np.flatnonzero(one + zero > 0)
        odds = (one[filled] + 2.0 * share[0]) / (zero[filled] + 2.0 * share[1])
        return {"edges": edges, "value": np.interp(np.arange(len(one)), filled, np.log(odds))}
