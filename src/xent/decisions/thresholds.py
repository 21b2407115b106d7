"""Thresholds per class from histograms of odds: streamed, mergeable, exact at every edge.

A probability falls into a bin by the leading bits of its odds p/(1-p), so bins are equally fine, relatively, from 1e-9
to 1e9. A threshold is always an edge: the recall and precision at it are counts, not interpolations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xent import _validate
from xent.decisions import _goals, guarantees
from xent.errors import OptionError
from xent.kernels import backend_for
from xent.kernels.numpy import odds_edges

Array = NDArray[Any]
Float64 = NDArray[np.float64]

#: Room for one histogram of all classes, in numbers; more classes get coarser bins.
_TABLE_SIZE = 2_000_000

_SLACK = 2.0**-40

#: Of a logarithm: what :func:`guarantees.allowed_errors` allows for too.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Goal:
    """What a threshold must reach: a recall or a precision of at least ``value``, in (0, 1].

    With a ``confidence`` it must do so on new rows: with at least this probability over the draw of the rows that
    choose, the thresholds of all classes do at once.
    """

    kind: Literal["recall", "precision"]
    value: float
    confidence: float | None = None

    def __post_init__(self) -> None:
        if self.confidence is not None and not (isinstance(self.confidence, float) and 0.0 < self.confidence < 1.0):
            raise OptionError("Goal", f"confidence must lie in (0, 1); got {self.confidence!r}", "0.95 is usual")
        if self.kind not in ("recall", "precision"):
            raise OptionError("Goal", f"kind must be 'recall' or 'precision'; got {self.kind!r}")
        if not (isinstance(self.value, (int, float)) and 0.0 < self.value <= 1.0):
            raise OptionError("Goal", f"value must lie in (0, 1]; got {self.value!r}", "0.99 means 99 %")


def needed_positives(recall: float, confidence: float = 0.95) -> int | None:
    """Return the fewest positives with which a recall can be promised with that confidence; None for a recall of 1.

    With n exchangeable positives the lowest of their scores has a recall above r with probability 1 - r^n, so n must be
    at least log(1 - confidence) / log(r).

    >>> needed_positives(0.99)
    299
    """
    for name, value, top in (("recall", recall, "]"), ("confidence", confidence, ")")):
        if not (_validate.finite(value) and 0.0 < value <= 1.0) or (top == ")" and value == 1.0):
            raise OptionError("needed_positives", f"{name} must lie in (0, 1{top}; got {value!r}", "0.95 means 95 %")
    if not recall < 1.0:
        return None
    return math.ceil((math.log1p(-confidence) + _ROUNDING) / math.log(recall))


class Chosen(NamedTuple):
    """The edge of a class that reaches the goal, or why there is none; ``needed`` rows are the fewest for a promise.

    They are rows of the class for a recall, flagged rows for a precision; None where nothing is promised.
    """

    edge: int | None
    needed: int | None = None
    reason: str | None = None


class OddsHistogram:
    """For each class and bin of odds: the weight of all rows, of the class's own, and the sum of the probabilities.

    ``counts``, ``hits`` and ``prob_sums`` have shape (K, bins); ``edges`` holds the bins' lower edges, as
    probabilities.
    """

    def __init__(self, n_classes: int) -> None:
        self._bits = 5
        while self._bits > 0 and n_classes * len(odds_edges(self._bits)) > _TABLE_SIZE:
            self._bits -= 1
        odds = odds_edges(self._bits)
        self.edges = odds / (1.0 + odds)
        shape = (n_classes, len(odds))
        self.counts, self.hits, self.prob_sums = np.zeros(shape), np.zeros(shape), np.zeros(shape)

    def add(self, logits: Array, temperature: float, target: NDArray[np.int64], weight: Float64 | None) -> None:
        """Add rows (n, K), their logits divided by a temperature, with their class indices."""
        if len(logits):
            backend_for(logits).class_histogram(
                logits, target, weight, self.counts, self.hits, self.prob_sums, bits=self._bits, scale=1.0 / temperature
            )

    def add_flags(self, probs: Float64, target: NDArray[np.int64], goal: Goal) -> None:
        """Add rows (n, K) by the flags that they have at each :meth:`threshold`, as a policy compares: for proofs.

        :meth:`add` puts a probability of exactly an edge into the bin above it, and the threshold of a precision lies
        above the edge: the rows that tie there would be counted and not flagged.
        """
        if len(probs) == 0:
            return
        limits = self.edges * self._aside(goal)
        n_bins = len(limits)
        place = np.searchsorted(limits, probs, side="right") - 1 + np.arange(probs.shape[1]) * n_bins
        self.counts += np.bincount(place.ravel(), minlength=self.counts.size).reshape(self.counts.shape)
        own = place[np.arange(len(place)), target]
        self.hits += np.bincount(own, minlength=self.hits.size).reshape(self.hits.shape)

    def at_or_above(self, k: int) -> tuple[Float64, Float64]:
        """Return (weight, own weight) of the rows of class k's histogram at or above each edge."""
        return np.cumsum(self.counts[k, ::-1])[::-1], np.cumsum(self.hits[k, ::-1])[::-1]

    def choose_all(self, goal: Goal, proposal: OddsHistogram) -> list[Chosen]:
        """Return the choice for each class, see :meth:`choose`; a confidence is of all of them at once (Bonferroni)."""
        each = None
        if goal.confidence is not None:
            each = _goals.shared_confidence("xent audit", goal.confidence, len(self.counts))
        return [self.choose(k, replace(goal, confidence=each), proposal) for k in range(len(self.counts))]

    def choose(self, k: int, goal: Goal, proposal: OddsHistogram | None = None) -> Chosen:
        """Return the edge of class k that reaches the goal.

        For a recall the highest such edge, so that precision is best; for a precision the lowest, so that recall is.
        With a confidence the rows must be exchangeable with new ones, of equal weight, and not have fitted what
        calibrates them; ``proposal`` is then a histogram of other rows, which say where the tests of a precision begin.
        """
        flagged, found = self.at_or_above(k)
        if found[0] <= 0:
            which = "may be learnt from" if goal.confidence is None else "chooses thresholds"
            return Chosen(None, None, f"no row that {which} is of this class")
        if goal.confidence is not None:
            return self._prove(k, goal, goal.confidence, flagged, found, proposal or self)
        with np.errstate(invalid="ignore", divide="ignore"):
            reached = found / found[0] if goal.kind == "recall" else found / flagged
        edges = np.flatnonzero((reached >= goal.value * (1 - 1e-12)) & (flagged > 0))
        if len(edges) == 0:
            return Chosen(
                None, None, f"no threshold reaches a {goal.kind} of {goal.value:g} on the rows that may be learnt from"
            )
        return Chosen(int(edges[-1] if goal.kind == "recall" else edges[0]))

    def _prove(
        self, k: int, goal: Goal, confidence: float, flagged: Float64, found: Float64, proposal: OddsHistogram
    ) -> Chosen:
        """Return the edge that keeps the goal with a confidence; edges are fixed before any row is seen.

        A recall: so many of the class's rows may lie below an edge that their law's share above it is proven. A
        precision: edges are tested one after the other, from the surest one of other rows downwards.
        """
        needed = needed_positives(goal.value, confidence)
        if needed is None:
            return Chosen(None, None, f"a {goal.kind} of 1 cannot be promised from any number of rows")
        if goal.kind == "recall":
            n = int(found[0])
            errors = guarantees.allowed_errors("xent audit", n, goal.value, confidence)
            if errors < 0:
                reason = f"{n} rows of the class are too few to promise a recall of {goal.value:g}: it takes {needed}"
                return Chosen(None, needed, reason)
            return Chosen(int(np.flatnonzero((found[0] - found <= errors) & (flagged > 0))[-1]), needed)
        first = guarantees.surest(*proposal.at_or_above(k), goal.value)
        order = np.arange(first, -1, -1)

        def p_values(part: slice) -> Float64:
            edges = order[part]
            return guarantees.at_least("xent audit", found[edges], flagged[edges], goal.value)

        proven = guarantees.rejections(p_values, len(order), 1.0 - confidence)
        if proven == 0:
            return Chosen(
                None,
                needed,
                f"a precision of {goal.value:g} is not proven: at the threshold where it is surest {found[first]:g} of "
                f"{flagged[first]:g} flagged rows are right; it takes {needed} if all are",
            )
        return Chosen(int(order[proven - 1]), needed)

    def threshold(self, edge: int | None, goal: Goal) -> float:
        """Return the threshold on the probability that an edge stands for, NaN for none.

        It is the edge, moved by a part in 10^12 to the safe side (down for a recall, up for a precision): whoever
        computes a probability of exactly the edge, as rounded ones often are, may be one unit in the last place off.
        """
        if edge is None:
            return math.nan
        return float(self.edges[edge]) * self._aside(goal)

    @staticmethod
    def _aside(goal: Goal) -> float:
        return 1.0 - _SLACK if goal.kind == "recall" else 1.0 + _SLACK

    def misses(self, k: int, edge: int | None, goal: Goal) -> tuple[float, float]:
        """Return (weight of the rows that miss the goal at an edge, of those that the goal is about).

        For a recall they are the class's own rows, those that are not flagged missing it; for a precision the flagged
        rows, those of other classes missing it.
        """
        if edge is None:
            return 0.0, 0.0
        flagged, found = self.at_or_above(k)
        about = float(found[0] if goal.kind == "recall" else flagged[edge])
        return about - float(found[edge]), about

    def brier_parts(self, n_bins: int = 15) -> tuple[float, float, float]:
        """Return reliability, resolution and uncertainty of the Brier score, summed over the classes.

        Each class's probabilities are put into ``n_bins`` bins of equal width. Brier = reliability - resolution +
        uncertainty + remainder, the remainder being what varies within the bins.
        Source: Murphy 1973 (doi:10.1175/1520-0450(1973)012<0595:ANVPOT>2.0.CO;2).
        """
        coarse = np.minimum((self.edges * n_bins).astype(np.int64), n_bins - 1)
        starts = np.unique(coarse, return_index=True)[1]
        weight = np.add.reduceat(self.counts, starts, axis=1)
        hits = np.add.reduceat(self.hits, starts, axis=1)
        probs = np.add.reduceat(self.prob_sums, starts, axis=1)
        total = weight[0].sum()
        if total == 0:
            return math.nan, math.nan, math.nan
        base = hits.sum(axis=1) / total
        filled = np.where(weight > 0, weight, 1.0)
        observed, forecast = hits / filled, probs / filled
        reliability = float((weight * (forecast - observed) ** 2).sum() / total)
        resolution = float((weight * (observed - base[:, None]) ** 2).sum() / total)
        return reliability, resolution, float((base * (1 - base)).sum())


def flags(probs: Float64, thresholds: Float64) -> NDArray[np.bool_]:
    """Return for each row and class whether the probability reaches the class's threshold (NaN: it has none)."""
    _validate.rows("flags", "probs", probs)
    with np.errstate(invalid="ignore"):
        return probs >= thresholds
