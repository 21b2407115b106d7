"""Thresholds per class from histograms of odds: streamed, mergeable, exact at every edge.

A probability falls into a bin by the leading bits of its odds p/(1-p), so bins are equally fine, relatively, from 1e-9
to 1e9. A threshold is always an edge: the recall and precision at it are counts, not interpolations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from xent import _validate
from xent.errors import OptionError
from xent.kernels import backend_for
from xent.kernels.numpy import odds_edges

Array = NDArray[Any]
Float64 = NDArray[np.float64]

#: Room for one histogram of all classes, in numbers; more classes get coarser bins.
_TABLE_SIZE = 2_000_000

_SLACK = 2.0**-40


@dataclass(frozen=True)
class Goal:
    """What a threshold must reach: a recall or a precision of at least ``value``, in (0, 1]."""

    kind: Literal["recall", "precision"]
    value: float

    def __post_init__(self) -> None:
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
    if not recall < 1.0:
        return None
    return math.ceil(math.log1p(-confidence) / math.log(recall))


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

    def add(self, logits: Array, target: NDArray[np.int64], weight: Float64 | None, temperature: float) -> None:
        """Add rows (n, K) with their class indices."""
        if len(logits):
            backend_for(logits).class_histogram(
                logits, target, weight, self.counts, self.hits, self.prob_sums, bits=self._bits, scale=1.0 / temperature
            )

    def at_or_above(self, k: int) -> tuple[Float64, Float64]:
        """Return (weight, own weight) of the rows of class k's histogram at or above each edge."""
        return np.cumsum(self.counts[k, ::-1])[::-1], np.cumsum(self.hits[k, ::-1])[::-1]

    def choose(self, k: int, goal: Goal) -> int | None:
        """Return the edge of class k that reaches the goal, None where none does.

        For a recall the highest such edge, so that precision is best; for a precision the lowest, so that recall is.
        """
        flagged, found = self.at_or_above(k)
        if found[0] <= 0:
            return None
        with np.errstate(invalid="ignore", divide="ignore"):
            reached = found / found[0] if goal.kind == "recall" else found / flagged
        edges = np.flatnonzero((reached >= goal.value * (1 - 1e-12)) & (flagged > 0))
        if len(edges) == 0:
            return None
        return int(edges[-1] if goal.kind == "recall" else edges[0])

    def threshold(self, k: int, goal: Goal) -> float:
        """Return the threshold of class k on the probability that reaches the goal, NaN where none does.

        It is the chosen edge, moved by a part in 10^12 to the safe side (down for a recall, up for a precision):
        whoever computes a probability of exactly the edge, as rounded ones often are, may be one unit in the last place
        off.
        """
        edge = self.choose(k, goal)
        if edge is None:
            return math.nan
        return float(self.edges[edge]) * (1.0 - _SLACK if goal.kind == "recall" else 1.0 + _SLACK)

    def misses(self, k: int, goal: Goal) -> tuple[float, float]:
        """Return (weight of the rows that miss the chosen threshold's goal, of those that the goal is about).

        For a recall they are the class's own rows, those that are not flagged missing it; for a precision the flagged
        rows, those of other classes missing it.
        """
        edge = self.choose(k, goal)
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


def unique_flag(flagged: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the class of each row that is flagged alone, -1 where none or several are: the rule of a policy."""
    return np.where(flagged.sum(axis=1) == 1, flagged.argmax(axis=1), -1)
