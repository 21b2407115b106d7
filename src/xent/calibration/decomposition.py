"""CORP: a proper score taken apart into miscalibration, discrimination and uncertainty, without bins."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.calibration import _events
from xent.calibration._events import Events
from xent.calibration._isotonic_curve import IsotonicCurve, isotonic_curve
from xent.errors import OptionError

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class CorpDecomposition:
    """A mean score in parts: score = miscalibration - discrimination + uncertainty.

    ``miscalibration`` ≥ 0 is what the best non-decreasing recalibration would save, ``uncertainty`` the score of
    saying the base rate of every row, ``discrimination`` ≥ 0 how much better than that the recalibrated probabilities
    are, and ``refinement`` = score - miscalibration = uncertainty - discrimination their score. ``curves`` holds the
    recalibrations: ``levels`` (distinct probabilities) and ``values`` (what they should have been); one for a kind
    with one event a row, K for ``kind="classwise"``. ``n`` is the (effective) number of rows.
    """

    score: float
    miscalibration: float
    discrimination: float
    uncertainty: float
    refinement: float
    n: float
    curves: tuple[IsotonicCurve, ...]


def corp(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    score: str = "brier",
    kind: str = "binary",
    sample_weight: ArrayLike | None = None,
) -> CorpDecomposition:
    """Take the mean Brier or log score apart: S = MCB - DSC + UNC.

    With c(p) the isotonic regression of y on p (weighted, equal p pooled) and ȳ the base rate,
    MCB = S(p) - S(c(p)), DSC = S(ȳ) - S(c(p)), UNC = S(ȳ). Nothing has to be chosen, neither bins nor widths; among
    non-decreasing recalibrations c is the best for every proper score.

    Parameters
    ----------
    y_true
        (n,): 0 or 1, for y_prob (n, K) classes.
    y_prob
        (n,) probabilities of class 1, or (n, K) distributions; float16, float32 or float64.
    score
        ``"brier"``: (p - y)²; ``"log"``: -log p or -log(1 - p), in nats.
    kind
        ``"binary"`` for y_prob (n,). Of y_prob (n, K): ``"top-label"`` scores the largest probability against whether
        its class is right, ``"classwise"`` adds up the parts over the classes; the sum of the Brier scores is the
        multiclass one, Σ_k (p_k - y_k)². No such sum is the multiclass log loss, so "log" is refused there.
    sample_weight
        (n,) ≥ 0.

    Returns
    -------
    CorpDecomposition
        With a probability of 0 for what happened the log score and its miscalibration are inf, the other parts finite.
        Without rows all is NaN. MCB and DSC are taken on the rows that the curve was fitted on, and are therefore too
        large by what chance adds, about n^(-2/3); with few rows compare MCB with that of a calibrated model
        (:class:`ReliabilityDisplay` with ``method="corp"`` draws its band).

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Shapes that do not fit; not numbers; labels that are no class; probabilities outside [0, 1] or NaN; an unknown
        score or kind.

    Notes
    -----
    O(n log n) time, O(n) memory. Source: Dimitriadis, Gneiting & Jordan 2021 (doi:10.1073/pnas.2016191118).

    Examples
    --------
    >>> from xent.calibration.decomposition import corp
    >>> parts = corp([0, 0, 0, 1, 1, 1], [0.4, 0.3, 0.2, 0.1, 0.5, 0.9])
    >>> round(parts.score, 7), round(parts.miscalibration, 7), round(parts.discrimination, 7), parts.uncertainty
    (0.2266667, 0.1016667, 0.125, 0.25)
    """
    _validate.choice("corp", "score", score, ("brier", "log"), "both are proper; 'brier' is bounded")
    if kind == "classwise" and score == "log":
        raise OptionError(
            "corp",
            "score must be 'brier' for kind='classwise'; got 'log'",
            "the log losses of the classes do not add up to the multiclass one; take one class at a time",
        )
    parts = [_parts(events, score) for events in _events.each("corp", y_true, y_prob, kind, sample_weight)]
    return CorpDecomposition(
        score=sum(part.score for part in parts),
        miscalibration=sum(part.miscalibration for part in parts),
        discrimination=sum(part.discrimination for part in parts),
        uncertainty=sum(part.uncertainty for part in parts),
        refinement=sum(part.refinement for part in parts),
        n=parts[0].n,
        curves=tuple(part.curves[0] for part in parts),
    )


def _parts(events: Events, score: str) -> CorpDecomposition:
    """Return the decomposition of one set of events."""
    p, y, weight = events.probability, events.happened, events.weight
    curve = isotonic_curve(p, y, weight)
    if not len(p):
        return CorpDecomposition(math.nan, math.nan, math.nan, math.nan, math.nan, 0.0, (curve,))
    total = float(weight.sum())
    if score == "brier":
        each = (p - y) ** 2
    else:
        with np.errstate(divide="ignore"):
            each = -np.where(y > 0, np.log(p), np.log1p(-p))
    mean = float(weight @ each) / total
    # A pool of frequency c, forecast as c, scores c (1 - c) or the entropy of c.
    refinement = float(curve.weights @ _entropy(curve.values, score)) / total
    uncertainty = float(_entropy(np.array(weight @ y / total), score))
    refinement = min(refinement, uncertainty, mean)  # in exact arithmetic it is
    return CorpDecomposition(
        mean, mean - refinement, uncertainty - refinement, uncertainty, refinement, events.n, (curve,)
    )


def _entropy(c: Float64, score: str) -> Float64:
    if score == "brier":
        return c * (1.0 - c)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms: Float64 = np.where(c > 0, -c * np.log(c), 0.0) + np.where(c < 1, -(1.0 - c) * np.log1p(-c), 0.0)
    return terms
