"""Venn-Abers: two isotonic probabilities a row, one for either label it may have."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.calibration._one_vs_rest import ORDER, BinaryCalibrator, log_odds_of, one_vs_rest
from xent.calibration._pav import just_below, pav, pooled
from xent.calibration._rows import CalibrationRows
from xent.errors import OptionError

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]


def _interval(xp: Any, m: Any, low_from: Any, low: Any, high_until: Any, high: Any) -> tuple[Any, Any]:
    p0 = xp.where(m == m, low[xp.searchsorted(low_from, m, side="right")], m)
    p1 = xp.where(m == m, high[xp.searchsorted(high_until, m, side="left")], m)
    return p0, p1


def _merged(xp: Any, m: Any, low_from: Any, low: Any, high_until: Any, high: Any) -> Any:
    p0, p1 = _interval(xp, m, low_from, low, high_until, high)
    return xp.log(p1) - xp.log1p(-p0)


def _venn_abers(xp: Any, z: Any, curves: Any) -> Any:
    return one_vs_rest(xp, z, _merged, curves)


class VennAbers(BinaryCalibrator):
    """Isotonic regression with the row itself among the rows, once with label 0 and once with label 1: p₀ and p₁.

    One of the two is perfectly calibrated: for exchangeable rows, ``E[Y | p_Y] = p_Y`` for the p of the row's own
    label, whatever the scores and the number of rows are (Vovk & Petej 2014). The two lie apart where rows are few,
    p₀ < p₁, and :meth:`predict_interval` gives both. One number of them, ``p = p₁ / (1 - p₀ + p₁)``, has the least
    worst-case log loss; it is what :meth:`predict_proba` gives, and is never 0 or 1.

    Parameters
    ----------
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    curves_
        p₀ and p₁ of the log-odds m of class 1, or of each of K > 2 classes, as steps: p₀ is ``low[i]`` with i the
        number of ``low_from`` ≤ m, p₁ is ``high[j]`` with j the number of ``high_until`` < m. They are scores of rows,
        less or more by 1e-12, so that a score computed once more is still the same one.
    reasons_
        For each curve None, or why it learnt little: "one class", "one score", "misleading" (higher scores go with
        fewer rows of the class).

    Notes
    -----
    Inductive: fitted once, O(n log n), for any number of new rows, O(log n) each; equal to refitting for every row.
    Shapes are as in :class:`IsotonicCalibration`, ±inf too. A weight is that many rows, the new row one; the guarantee
    is for rows without weights. A score above all rows has p₁ = 1, also of a class that has no rows. For K > 2 classes,
    each against the rest and not in pairs, it holds of each class's interval, not of the probabilities after they were
    divided by their sum. Source: Vovk, Petej & Fedorova 2015 (arXiv:1511.00213).

    Examples
    --------
    >>> from xent.calibration import VennAbers
    >>> calibrator = VennAbers().fit([-2.0, -1.0, 1.0, 2.0], [0, 0, 1, 1])
    >>> calibrator.predict_interval([0.0])
    (array([0.]), array([1.]))
    >>> calibrator.predict_interval([-1.5])  # label 1 there: 1, 0 are pooled
    (array([0.]), array([0.5]))
    >>> calibrator.predict_proba([-1.5]).round(4)  # 0.5 / (1 - 0 + 0.5)
    array([[0.6667, 0.3333]])
    """

    preserves = f"{ORDER}; but for ties"
    _formula = staticmethod(_venn_abers)
    _takes_minus_inf = True

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 500 a class: with fewer the two probabilities lie apart, and say so."""
        return 500 * n_classes

    def predict_interval(self, logits: ArrayLike) -> tuple[Float64, Float64]:
        """Return (p₀, p₁): of class 1, each (n,), of two classes; of each class against the rest, (n, K), of more.

        A NaN row is NaN.
        """
        function = self._name("predict_interval")
        self._check_fitted(function)
        z = self._check_shape(function, _validate.floating(function, "logits", logits))
        if z.ndim == 1:
            return _interval(np, z.astype(np.float64), **self.curves_[0])
        if z.shape[1] == 2:
            with np.errstate(invalid="ignore"):
                return _interval(np, z[:, 1].astype(np.float64) - z[:, 0], **self.curves_[0])
        m = log_odds_of(z)
        each = [_interval(np, m[:, k], **curve) for k, curve in enumerate(self.curves_)]
        return np.stack([low for low, _ in each], axis=1), np.stack([high for _, high in each], axis=1)

    def _fit(self, rows: CalibrationRows) -> None:
        total = float(rows.weights.sum())
        if total > 2.0**50:
            raise OptionError(
                self._name("fit"),
                f"sample_weight must sum to at most 2^50, for one row more to count; got {total:g}",
                "a weight is that many rows: divide them by their mean",
            )
        super()._fit(rows)

    def _fit_curve(self, m: Float64, is_one: Bool, weight: Float64) -> dict[str, Any]:
        x, ones, weights = pooled(m, is_one, weight)
        # By symmetry p₀ is 1 - p₁ of the other label, from the other end.
        high = _with_a_one(ones, weights)
        low = 1.0 - _with_a_one((weights - ones)[::-1], weights[::-1])[::-1]
        up, down = np.flatnonzero(np.diff(high)), np.flatnonzero(np.diff(low))
        return {
            "low_from": just_below(x)[down],
            "low": low[np.append(down, len(low) - 1)],
            "high_until": -just_below(-x[::-1])[::-1][up],
            "high": high[np.append(up, len(high) - 1)],
        }


def _with_a_one(ones: Float64, weights: Float64) -> Float64:
    """Return, for each i = 0 … n, the isotonic value of a further label 1 at the i-th score, or just before it.

    It is the slope, at the further row, of the greatest convex minorant of the cumulative sums P_0, …, P_n, those up to
    P_i drawn back by (1, 1). The values rise with i, so of the minorant only the corner to the left of the row and the
    corners to its right are needed. When the row moves past a score, P_{i+1} is drawn back: if it then lies below the
    side that the row is on, it is the new left corner, and some corners to the right may fall away; none ever come. So
    each is taken off a stack once.
    """
    n = len(ones)
    across, up = np.append(0.0, np.cumsum(weights)).tolist(), np.append(0.0, np.cumsum(ones)).tolist()
    first = np.arange(n) == 0
    starts, _, _ = pav(ones + first, weights + first)
    right = [n, *starts[:0:-1].tolist()]  # the corners to the right, the nearest last
    x, y = -1.0, -1.0
    result = [(up[right[-1]] - y) / (across[right[-1]] - x)]
    for i in range(1, n):
        j = right[-1]
        if (up[i] - 1.0 - y) * (across[j] - x) < (up[j] - y) * (across[i] - 1.0 - x):
            x, y = across[i] - 1.0, up[i] - 1.0
        if j == i:
            right.pop()
        while len(right) > 1:
            j, k = right[-1], right[-2]
            if (up[j] - y) * (across[k] - across[j]) < (up[k] - up[j]) * (across[j] - x):
                break
            right.pop()
        result.append((up[right[-1]] - y) / (across[right[-1]] - x))
    return np.maximum.accumulate(np.array([*result, 1.0]))
