"""Selective classification: the risk on the rows that a model is surest of, at every coverage."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._estimates import Estimate, effective_size, missing, normal
from xent.calibration import _events
from xent.calibration._events import needs
from xent.errors import OptionError, ShapeError

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class RiskCoverage:
    """The risk-coverage curve: one entry a distinct confidence, descending.

    Answering where the confidence is at least ``thresholds[i]`` answers the share ``coverage[i]`` of the rows, of which
    the share ``risk[i]`` is wrong. ``aurc`` is the area under that curve and ``excess_aurc`` what it is above that of
    the same errors in the best order, both with 95 % intervals; ``n`` is the (effective) number of rows.
    ``answered`` and ``answered_squares`` are the sums of weights and of their squares that the coverages stand for.
    """

    thresholds: Float64
    coverage: Float64
    risk: Float64
    aurc: Estimate
    excess_aurc: Estimate
    n: float
    answered: Float64
    answered_squares: Float64

    def risk_at(self, coverage: float) -> Estimate:
        """Return the risk at the least coverage of the curve that is not below ``coverage``.

        With the exact interval of Clopper & Pearson at 95 %, for the error rate among rows of such confidence: the
        threshold is chosen by coverage, without a look at the labels. ``n`` is the number of rows answered. With
        weights the interval takes Kish's effective numbers and is no longer exact.

        Raises
        ------
        OptionError
            The coverage is not in (0, 1].
        ImportError
            SciPy is not installed.

        Notes
        -----
        Source: Clopper & Pearson 1934 (doi:10.1093/biomet/26.4.404).

        Examples
        --------
        >>> from xent.calibration.selective import risk_coverage
        >>> curve = risk_coverage([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
        >>> risk = curve.risk_at(0.5)
        >>> risk.value, risk.low, round(risk.high, 4), risk.n
        (0.0, 0.0, 0.8419, 2.0)
        """
        function = "RiskCoverage.risk_at"
        if not (_validate.finite(coverage) and 0 < coverage <= 1):
            raise OptionError(function, f"coverage must lie in (0, 1]; got {coverage!r}", "1.0 answers every row")
        if not len(self.coverage):
            return missing("no rows")
        with needs(function, "SciPy", "pip install 'xent[audit]'"):
            from scipy.special import betaincinv
        # A coverage that was meant as k/n may be written a rounding above it.
        i = min(int(np.searchsorted(self.coverage, coverage * (1 - 1e-12))), len(self.coverage) - 1)
        n = effective_size(float(self.answered[i]), float(self.answered_squares[i]))
        risk = float(self.risk[i])
        wrong = risk * n
        low = float(betaincinv(wrong, n - wrong + 1.0, 0.025)) if wrong > 0 else 0.0
        high = float(betaincinv(wrong + 1.0, n - wrong, 0.975)) if risk < 1 else 1.0
        return Estimate(risk, low, high, n)


def risk_coverage(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    confidence: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
) -> RiskCoverage:
    """Risk-coverage curve of the most probable class, with its area (AURC).

    The rows are sorted by confidence, descending; those of one confidence are answered together or not at all.
    AURC = ∫ risk(c) dc over coverages c in (0, 1], where within such a group errors come evenly. The same number is
    the mean of -log G · error, with G the share of rows that are at least as sure, which is how the area is defined
    in a population: the estimate converges to that, and with ties to its value under random order of them.
    The best order has all errors last: AURC* = e + (1 - e) log(1 - e) for an error rate e; excess AURC = AURC - AURC*.

    Parameters
    ----------
    y_true
        (n,) classes.
    y_prob
        (n, K) distributions; float16, float32 or float64. The prediction is the first largest one.
    confidence
        (n,) finite numbers, higher = surer; None takes the largest probability.
    sample_weight
        (n,) ≥ 0.

    Returns
    -------
    RiskCoverage
        Risks, coverages and areas in [0, 1]. The intervals of the areas are normal ones of their influence functions,
        for independent rows and many of them. Without rows the arrays are empty and the areas NaN.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Shapes that do not fit; not numbers; labels that are no class; rows of y_prob that are no distribution; a
        confidence that is not finite.

    Notes
    -----
    O(n log n) time, O(n) memory. Geifman & El-Yaniv's mean of the risks at coverages 1/n, 2/n, …, 1 differs by
    O(log n / n) and depends on the order of ties. Source: Geifman, Uziel & El-Yaniv 2019 (arXiv:1805.08206); Zhou, Van
    Landeghem, Popordanoska & Blaschko 2024 (arXiv:2410.15361).

    Examples
    --------
    >>> from xent.calibration.selective import risk_coverage
    >>> curve = risk_coverage([0, 1, 1, 0], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4], [0.4, 0.6]])
    >>> curve.coverage, curve.risk
    (array([0.25, 0.5 , 1.  ]), array([0. , 0. , 0.5]))
    >>> round(curve.aurc.value, 6), round(curve.excess_aurc.value, 6)
    (0.153426, 0.0)
    """
    function = "risk_coverage"
    y_prob = _validate.floating(function, "y_prob", y_prob)
    _validate.rows(function, "y_prob", y_prob)
    probs, target, keep, weight = _events.checked(function, y_true, y_prob, "top-label", sample_weight)
    top = probs.argmax(axis=1)
    if confidence is None:
        sure = probs[np.arange(len(probs)), top].astype(np.float64)
    else:
        sure = _validate.floating(function, "confidence", confidence).astype(np.float64)
        if sure.shape != target.shape:
            raise ShapeError(
                function,
                f"confidence must have shape {target.shape}, one number a row; got shape {sure.shape}",
                "leave it out for the largest probability",
            )
        if not np.isfinite(sure).all():
            row = int((~np.isfinite(sure)).argmax())
            raise OptionError(
                function,
                f"confidence must be finite; got {sure[row]} at row {row}",
                "its rank alone matters: clip it",
            )
    sure, wrong = sure[keep], (top != target)[keep].astype(np.float64)
    if not len(sure):
        none = np.zeros(0)
        return RiskCoverage(none, none, none, missing("no rows"), missing("no rows"), 0.0, none, none)

    order = np.argsort(-sure)
    sure, wrong, weight = sure[order], wrong[order], weight[order]
    starts = np.flatnonzero(np.append(True, sure[1:] != sure[:-1]))
    group = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(sure))))
    answered, squares, errors = (
        np.cumsum(np.add.reduceat(values, starts)) for values in (weight, weight**2, weight * wrong)
    )
    coverage = answered / answered[-1]
    aurc, excess = _areas(coverage, np.diff(errors, prepend=0.0) / np.diff(answered, prepend=0.0), group, wrong, weight)
    return RiskCoverage(
        sure[starts], coverage, np.minimum(errors / answered, 1.0), aurc, excess, aurc.n, answered, squares
    )


def _areas(
    coverage: Float64, rate: Float64, group: NDArray[np.int64], wrong: Float64, weight: Float64
) -> tuple[Estimate, Estimate]:
    """Return AURC and excess AURC from the groups' coverages and error rates, and each row's group, error and weight.

    With u the coverage at which a row is reached, AURC = ∫ -log(u) rate(u) du; a row's influence on it is
    -log(u) error - ∫_u^1 rate(v)/v dv plus a constant, for it also moves the places of all rows less sure.
    """
    before = np.append(0.0, coverage[:-1])
    # -log(u), and within a group its mean over the places that its rows may take.
    each = (_integral_of_log(coverage) - _integral_of_log(before)) / (coverage - before)
    area = float((coverage - before) * rate @ each)
    with np.errstate(divide="ignore", invalid="ignore"):
        passed = np.where(rate > 0, rate * np.log(coverage / before), 0.0)
    later = np.append(np.cumsum(passed[:0:-1])[::-1], 0.0)
    # Within a group ∫_u^c dv/v has the mean 1 - (before/(c - before)) log(c/before).
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(before > 0, 1.0 - before / (coverage - before) * np.log(coverage / before), 1.0)
    influence = each[group] * wrong - (later + rate * own)[group]
    total = float(weight.sum())
    share = weight / total
    error = float(share @ wrong)
    n = effective_size(total, float(weight @ weight))

    def estimate(value: float, influence: Float64) -> Estimate:
        centred = share * (influence - share @ influence)
        result = normal(value, math.sqrt(float(centred @ centred)), n)
        return Estimate(value, max(result.low, 0.0), min(result.high, 1.0), n)

    best = error + (1.0 - error) * math.log1p(-error) if error < 1 else 1.0
    slope = -math.log1p(-error) if error < 1 else 0.0
    return estimate(area, influence), estimate(max(area - best, 0.0), influence - slope * wrong)


def _integral_of_log(u: Float64) -> Float64:
    """Return ∫_0^u -log(v) dv."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: Float64 = np.where(u > 0, u * (1.0 - np.log(u)), 0.0)
    return result
