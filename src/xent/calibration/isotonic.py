"""Isotonic calibration: any rising function of the log-odds."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent import _validate
from xent.calibration._one_vs_rest import ORDER, BinaryCalibrator, log_odds_of, one_vs_rest
from xent.calibration._pav import pav, pooled
from xent.calibration._rows import CalibrationRows

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]

#: How much the log-odds rise beyond the outermost knots at most, in nats: rows keep their order, and little else.
_RISE = 0.01


def _steps(
    xp: Any, m: Any, knots: Any, start: Any, value: Any, slope: Any, low: Any, high: Any, tail: Any, unit: Any
) -> Any:
    i = xp.searchsorted(knots, m, side="right")
    between = xp.where(slope[i] == 0.0, 0.0, slope[i] * (m - start[i]))
    below = 1.0 / (1.0 + xp.clip((knots[0] - m) / unit, 0.0, None))
    above = 1.0 / (1.0 + xp.clip((m - knots[-1]) / unit, 0.0, None))
    g = value[i] + between + tail[1] * (1.0 - above) - tail[0] * (1.0 - below)
    g = xp.where(m == -xp.inf, low, xp.where(m == xp.inf, high, g))
    return xp.where(m == m, g, m)


def _logit_of_steps(xp: Any, m: Any, **numbers: Any) -> Any:
    p = xp.clip(_steps(xp, m, **numbers), 0.0, 1.0)
    return xp.log(p) - xp.log1p(-p)


def _isotonic(xp: Any, z: Any, curves: Any, variant: Any) -> Any:
    return one_vs_rest(xp, z, _logit_of_steps if variant == "pav" else _steps, curves)


class IsotonicCalibration(BinaryCalibrator):
    """A rising function of the log-odds, of no other form, from the labels' shares in pools of neighbouring scores.

    "centred", the default, pools adjacent violators, puts each pool's share at the mean log-odds of its rows (Oron &
    Flournoy's centred isotonic regression) and joins these points by straight lines in log-odds, where calibrated
    scores are a straight line; beyond the outermost points the log-odds go on rising by less than 0.01. So rows keep
    their order, and get no ties. Two further rows are shared between the labels as all rows are; what falls to label 1
    is put at the lowest score, what falls to label 0 at the highest (one and one for a class of half the rows, and
    where a label has no rows). So no probability is 0 or 1, and no new row has an infinite loss.

    "pav" is the isotonic regression itself, as scikit-learn's ``IsotonicRegression(out_of_bounds="clip")`` on the
    log-odds, straight lines in probability between scores included. It has ties, and probabilities of 0 and 1.

    Parameters
    ----------
    variant
        "centred" or "pav".
    multiclass
        For K > 2 classes: "one-vs-rest", a function for each class, or "shared", one for all, learnt from the n·K
        pairs of log-odds and "is the label". With the latter the classes of a row keep their order, and so does the
        accuracy.
    ignore_index
        Rows with this label are left out of the fit.

    Attributes
    ----------
    curves_
        The function of the log-odds of class 1, or of each of K > 2 classes, or the shared one: ``value + slope (m -
        start)`` of the piece between ``knots`` in which m lies (log-odds; "pav": probabilities), ``low`` at -inf and
        ``high`` at +inf, and the ``tail`` beyond the outermost knots, half of it one ``unit`` away: the rows' range.
    reasons_
        For each curve None, or why it learnt little: "one class", "one score", "misleading" (higher scores go with
        fewer rows of the class).

    Notes
    -----
    Takes logits (n,), the log-odds m of class 1; (n, 2), m = z₁ - z₀; (n, K), each class against the rest, whose
    probabilities are then divided by their sum. Scores times a factor give the same probabilities. Log-odds of ±inf,
    probabilities that are 0 or 1, are scores as others and pooled with their like. A weight is that many rows, so
    weights that sum to 1 are one row in all. The shared function sorts n·K numbers. Sibling: :class:`VennAbers`, which
    also says how little it knows. Sources: Zadrozny & Elkan 2002 (doi:10.1145/775047.775151); Oron & Flournoy 2017
    (doi:10.1080/19466315.2017.1286256); the shared function: Zhang, Kailkhura & Han 2020 (arXiv:2003.07329).

    Examples
    --------
    >>> from xent.calibration import IsotonicCalibration
    >>> m, y = [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0], [0, 0, 1, 0, 1, 1]
    >>> IsotonicCalibration(variant="pav").fit(m, y).predict_proba([-2.0, 0.0, 0.5, 2.0])[:, 1].round(6)
    array([0. , 0.5, 0.5, 1. ])
    >>> IsotonicCalibration().fit(m, y).predict_proba([-1.5, 0.5, 2.5])[:, 1].round(6)
    array([0.333333, 0.5     , 0.666667])
    """

    preserves = (
        f"{ORDER} (variant 'pav': but for ties); with multiclass='shared' the order of the classes in every row, and "
        "so the accuracy"
    )
    _formula = staticmethod(_isotonic)
    _fitted = ("curves_", "variant_")
    _takes_minus_inf = True

    variant_: str

    def __init__(self, *, variant: str = "centred", multiclass: str = "one-vs-rest", ignore_index: int = -100) -> None:
        super().__init__(ignore_index=ignore_index)
        self.variant = variant
        self.multiclass = multiclass

    @staticmethod
    def rows_wanted(n_classes: int) -> int:
        """Return 1000 a class: it has no form of its own to lean on."""
        return 1000 * n_classes

    def _fit(self, rows: CalibrationRows) -> None:
        function = self._name("fit")
        _validate.choice(function, "variant", self.variant, ("centred", "pav"), "'pav' is what scikit-learn fits")
        hint = "'shared' keeps the order of the classes"
        _validate.choice(function, "multiclass", self.multiclass, ("one-vs-rest", "shared"), hint)
        super()._fit(rows)
        self.variant_ = self.variant  # of these curves, whatever set_params() says later

    def _check_numbers(self) -> None:
        super()._check_numbers()
        _validate.choice(self._name("load"), "variant", self.variant_, ("centred", "pav"), "write it anew")

    def _problems(self, rows: CalibrationRows) -> list[tuple[Float64, Bool, Float64]]:
        if self.multiclass == "one-vs-rest" or rows.logits.ndim == 1 or rows.logits.shape[1] == 2:
            return super()._problems(rows)
        m = log_odds_of(rows.logits)
        is_one = rows.target[:, None] == np.arange(m.shape[1])
        return [(m.reshape(-1), is_one.reshape(-1), np.repeat(rows.weights, m.shape[1]))]

    def _fit_curve(self, m: Float64, is_one: Bool, weight: Float64) -> dict[str, Any]:
        x, ones, weights = pooled(m, is_one, weight)
        return _regression(x, ones, weights) if self.variant == "pav" else _centred(x, ones, weights)


def _regression(x: Float64, ones: Float64, weights: Float64) -> dict[str, Any]:
    """Return the isotonic regression at the distinct scores x: of each pool its first and last."""
    starts, sums, sizes = pav(ones, weights)
    ends = np.append(starts[1:], len(x)) - 1
    knots, first = np.unique(np.stack([starts, ends], axis=1).reshape(-1), return_index=True)
    return _lines(x[knots], np.repeat(sums / sizes, 2)[first], 0.0, x)


def _centred(x: Float64, ones: Float64, weights: Float64) -> dict[str, Any]:
    """Return the log-odds of the pools at the centres of their rows."""
    one, zero = _further_rows(ones, weights)
    ones, more = ones.copy(), weights.copy()
    ones[0] += one
    more[0] += one
    more[-1] += zero
    starts, sums, sizes = pav(ones, more)
    finite = np.isfinite(x)
    counted = np.where(finite, weights, 0.0)
    mass = np.add.reduceat(counted, starts)
    moment = np.add.reduceat(counted * np.where(finite, x, 0.0), starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.where(mass > 0, moment / mass, x[starts])  # a pool of -inf alone, or of +inf
    if not (mass > 0).any():
        centre = np.where(np.arange(len(starts)) == 0, x[starts], x[-1])
    zeros = sizes - sums
    zeros[-1] = max(zeros[-1], zero)  # which great weights may have swallowed
    return _lines(centre, np.log(sums / zeros), _RISE, x)


def _further_rows(ones: Float64, weights: Float64) -> tuple[float, float]:
    """Return the weights, label 1 and label 0, of two further rows: as those of all rows, one each of a label without.

    For a class of half the rows these are Laplace's; a rare class would drown in whole rows of its own label.
    """
    share = float(ones.sum() / weights.sum())
    return (2.0 * share, 2.0 - 2.0 * share) if 0.0 < share < 1.0 else (1.0, 1.0)


def _lines(x: Float64, y: Float64, rise: float, scores: Float64) -> dict[str, Any]:
    """Return the numbers of :func:`_steps` through rising points, whose first and last x may be infinite."""
    low, high = y[0], y[-1]
    finite = np.isfinite(x)
    knots, values = x[finite], y[finite]
    if len(knots) == 0:
        knots, values = np.zeros(1), np.array([0.5 * (low + high)])
    tail = np.full(2, rise)
    # A point at infinity keeps above what the tail reaches; where there is none, the limit of the tail is taken there.
    if np.isinf(x[0]):
        tail[0] = min(rise, 0.5 * (values[0] - low))
    else:
        low = low - rise
    if np.isinf(x[-1]):
        tail[1] = min(rise, 0.5 * (high - values[-1]))
    else:
        high = high + rise
    with np.errstate(over="ignore", divide="ignore"):
        slope = np.diff(values) / np.diff(knots)
    slope = np.where(np.isfinite(slope), slope, 0.0)
    scores = scores[np.isfinite(scores)]
    spread = float(scores[-1] - scores[0]) if len(scores) else 0.0
    return {
        "knots": knots,
        "start": np.append(knots[0], knots),
        "value": np.append(values[0], values),
        "slope": np.concatenate([[0.0], slope, [0.0]]),
        "low": float(low),
        "high": float(high),
        "tail": tail,
        "unit": spread if 0.0 < spread < np.inf else 1.0,
    }
