"""Two sets of scores, higher = more in-distribution: a threshold between them, and how well they are told apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._estimates import Z95, Estimate, missing, wilson
from xent.decisions import guarantees
from xent.decisions.thresholds import needed_positives
from xent.errors import OptionError, ShapeError

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Separation:
    """How well scores tell in-distribution rows from others; see :func:`evaluate`.

    ``auroc`` with its 95 % interval; ``aupr_in`` and ``aupr_out``, the average precision with in- and with
    out-of-distribution rows as the positives; ``fpr``, the share of out-of-distribution rows accepted at ``threshold``,
    with Wilson's interval for that threshold.
    """

    auroc: Estimate
    aupr_in: float
    aupr_out: float
    fpr: Estimate
    threshold: float
    n_in: int
    n_out: int


def fit_threshold(scores_in: ArrayLike, tpr: float = 0.95, confidence: float | None = None) -> float:
    """Threshold that accepts a share ``tpr`` of in-distribution rows, those with ``score >= threshold``.

    Parameters
    ----------
    scores_in
        Scores (n,) of in-distribution rows, higher = more in-distribution. NaN is never accepted, and counts as a row.
    tpr
        In (0, 1]: the share to accept, read as the decimal number that it prints as.
    confidence
        None: of *these* rows at least ``tpr`` are accepted; of new ones, fewer about half the time. In (0, 1): of new
        rows at least ``tpr`` are accepted with this probability over the draw of these, if all are exchangeable and the
        model was not fitted on them.

    Returns
    -------
    One of the scores: the highest that does it. With n scores in order it is the ⌈tpr · n⌉-th from the top; with a
    confidence the m-th from the bottom with the largest m for which P(Binomial(n, 1 - tpr) ≥ m) ≥ ``confidence``. Equal
    scores are accepted together, so that ties accept more rows, never fewer.

    Raises
    ------
    ShapeError, DtypeError, OptionError
        Scores that are not (n,); not real numbers; shares out of range; too few rows for the confidence (the message
        says how many are needed); too many NaN.

    Notes
    -----
    Source: order statistics: David & Nagaraja 2003, §7.1 (doi:10.1002/0471722162).

    Examples
    --------
    >>> from xent.decisions import ood
    >>> scores = np.arange(100.0)
    >>> ood.fit_threshold(scores, 0.95), ood.fit_threshold(scores, 0.95, confidence=0.95)
    (5.0, 1.0)
    """
    function = "fit_threshold"
    scores = _scores(function, "scores_in", scores_in)
    if not (_validate.finite(tpr) and 0.0 < tpr <= 1.0):
        raise OptionError(function, f"tpr must lie in (0, 1]; got {tpr!r}", "0.95 means 95 %")
    if confidence is not None and not (_validate.finite(confidence) and 0.0 < confidence < 1.0):
        raise OptionError(function, f"confidence must be None or lie in (0, 1); got {confidence!r}", "0.95 is common")
    n = len(scores)
    if n == 0:
        raise OptionError(function, "scores_in must hold at least one score; got none", "pass calibration rows")
    if confidence is None:
        place = _place(n, tpr)
    else:
        place = guarantees.allowed_errors(function, n, float(tpr), confidence)
        if place < 0:
            needed = needed_positives(float(tpr), confidence)
            raise OptionError(
                function,
                f"scores_in must hold {'no end of' if needed is None else f'at least {needed}'} scores for tpr={tpr:g} "
                f"with confidence {confidence:g}; got {n}",
                "lower tpr or confidence, or pass more rows",
            )
    threshold = float(np.partition(np.where(np.isnan(scores), -np.inf, scores), place)[place])
    broken = int(np.isnan(scores).sum())
    if place < broken:
        raise OptionError(
            function,
            f"scores_in must hold scores for enough rows; got {broken} NaN among {n}, so no threshold accepts {tpr:g}",
            "rows with NaN logits have no score",
        )
    return threshold


def _place(n: int, tpr: float) -> int:
    """Return the place from the bottom, 0 the lowest, of the empirical threshold."""
    return n - math.ceil(n * Fraction(repr(float(tpr))))


def evaluate(scores_in: ArrayLike, scores_out: ArrayLike, *, tpr: float = 0.95) -> Separation:
    """Return how well scores tell in-distribution rows from out-of-distribution ones.

    Parameters
    ----------
    scores_in, scores_out
        Scores (n,) and (m,), higher = more in-distribution. NaN counts as lower than every score.
    tpr
        In (0, 1]: the share of in-distribution rows accepted, of these very rows, at which ``fpr`` is measured.

    Returns
    -------
    A :class:`Separation`. AUROC is the probability that an in-distribution row scores higher than another, ties
    counting half; its interval is DeLong's, on the scale of log-odds. Where its variance is 0, as for AUROC = 1, that
    would claim certainty: then it is Wilson's for min(n, m) independent pairs. Average precision is the sum over
    distinct scores of (increase of recall) · precision, as in scikit-learn. What has no rows is NaN.

    Raises
    ------
    ShapeError, DtypeError, OptionError
        Scores that are not one number a row; not real numbers; ``tpr`` out of range.

    Notes
    -----
    Source: DeLong, DeLong & Clarke-Pearson 1988 (doi:10.2307/2531595); Sun & Xu 2014 (doi:10.1109/LSP.2014.2337313).

    Examples
    --------
    >>> from xent.decisions import ood
    >>> found = ood.evaluate([3.0, 2.0, 1.0, 4.0], [0.0, 1.0], tpr=0.75)
    >>> found.auroc.value, found.fpr.value, found.threshold
    (0.9375, 0.0, 2.0)
    """
    function = "evaluate"
    if not (_validate.finite(tpr) and 0.0 < tpr <= 1.0):
        raise OptionError(function, f"tpr must lie in (0, 1]; got {tpr!r}", "0.95 means 95 %")
    inside, outside = _scores(function, "scores_in", scores_in), _scores(function, "scores_out", scores_out)
    n, m = len(inside), len(outside)
    broken, broken_out = int(np.isnan(inside).sum()), int(np.isnan(outside).sum())
    inside, outside = _ascending(inside), _ascending(outside)
    if n == 0 or m == 0:
        nothing = missing("no in-distribution rows" if n == 0 else "no out-of-distribution rows")
        return Separation(nothing, math.nan, math.nan, nothing, math.nan, n, m)
    place = _place(n, tpr)
    threshold, fpr = math.nan, missing("too many in-distribution rows have no score")
    if place >= broken:
        threshold = float(inside[place])
        accepted = m - max(broken_out, int(np.searchsorted(outside, threshold)))
        fpr = wilson(accepted / m, m)
    return Separation(
        _auroc(inside, outside),
        _average_precision(inside, outside),
        _average_precision(-outside[::-1], -inside[::-1]),
        fpr,
        threshold,
        n,
        m,
    )


def _auroc(inside: Float64, outside: Float64) -> Estimate:
    """Return the AUROC of ascending scores with its interval."""
    n, m = len(inside), len(outside)
    beaten = np.searchsorted(outside, inside, "left") + np.searchsorted(outside, inside, "right")
    beating = 2 * n - np.searchsorted(inside, outside, "left") - np.searchsorted(inside, outside, "right")
    value = int(beaten.sum()) / (2 * n * m)
    variance = 0.0
    if n > 1 and m > 1:
        variance = float(np.var(beaten / (2 * m), ddof=1)) / n + float(np.var(beating / (2 * n), ddof=1)) / m
    if not (variance > 0.0 and 0.0 < value < 1.0):
        bound = wilson(value, min(n, m))
        return Estimate(value, bound.low, bound.high, n + m)
    centre = math.log(value) - math.log1p(-value)
    half = Z95 * math.sqrt(variance) / (value * (1.0 - value))
    low, high = (1.0 / (1.0 + math.exp(min(-each, 700.0))) for each in (centre - half, centre + half))
    return Estimate(value, low, high, n + m)


def _average_precision(positive: Float64, negative: Float64) -> float:
    """Return Σ (R_i - R_{i-1}) P_i over the distinct scores of ascending positives; the others change no recall."""
    values, counts = np.unique(positive, return_counts=True)
    hits = len(positive) - np.searchsorted(positive, values)
    flagged = hits + len(negative) - np.searchsorted(negative, values)
    return float((counts * (hits / flagged)).sum()) / len(positive)


def _ascending(scores: Float64) -> Float64:
    return np.sort(np.where(np.isnan(scores), -np.inf, scores))


def _scores(function: str, argument: str, values: ArrayLike) -> Float64:
    array = _validate.floating(function, argument, values)
    if array.ndim != 1:
        raise ShapeError(function, f"{argument} must have shape (rows,); got {array.shape}", "one score a row")
    return array.astype(np.float64, copy=False)
