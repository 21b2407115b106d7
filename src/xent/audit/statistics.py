"""What an audit keeps of its rows: sums and counts that add up, O(bins × classes) whatever the rows."""

from __future__ import annotations

import heapq
import math
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xent._estimates import Estimate, effective_size, missing, normal, wilson
from xent.calibration.metrics import ConfidenceBins
from xent.kernels.numpy import RowScores

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def weighted_mean(weight: float, weight_squares: float, sums: Float64, empty: str = "no rows") -> Estimate:
    """Return the mean of x with its normal interval, from Σ w, Σ w² and the three sums Σ w x, Σ w² x, Σ w² x².

    Its standard error is √(n/(n-1) Σ w² (x - mean)²) / Σ w, with the effective number of rows n.
    """
    n = effective_size(weight, weight_squares)
    if not n > 0:
        return missing(empty)
    plain, single, double = sums.tolist()
    mean = plain / weight
    if math.isinf(mean):
        return Estimate(
            mean, math.nan, math.nan, n, "some rows gave their label the probability 0: the loss is infinite"
        )
    if n < 1.5:
        return Estimate(mean, math.nan, math.nan, n, "in effect one row, which has no spread: there is no interval")
    scatter = double - 2 * mean * single + mean * mean * weight_squares
    if not math.isfinite(scatter):
        return Estimate(mean, math.nan, math.nan, n, "the losses are too large for their squares: there is no interval")
    return normal(mean, math.sqrt(max(scatter, 0.0) * n / (n - 1)) / weight, n)


class ScoreSums:
    """Accuracy, loss and confidence bins of one or more groups of rows (all rows; a class; a slice)."""

    def __init__(self, n_groups: int = 1, n_bins: int = 15) -> None:
        self.n_bins = n_bins
        self.weight, self.weight_squares = np.zeros(n_groups), np.zeros(n_groups)
        self.correct = np.zeros(n_groups)
        # Σ w x, Σ w² x, Σ w² x²: see weighted_mean
        self.nll, self.brier = np.zeros((3, n_groups)), np.zeros((3, n_groups))
        self._bins = np.zeros((4, n_groups * n_bins))

    def add(self, group: Int64, scores: RowScores, target_prob: Float64, weight: Float64, bin_index: Int64) -> None:
        """Add rows with their group, scores, probability of the target, weight, and confidence bin."""
        n_groups = len(self.weight)

        def total(values: Float64, index: Int64 = group, size: int = n_groups) -> Float64:
            return np.bincount(index, values, size).astype(np.float64, copy=False)

        correct = scores.rank == 0
        squares = weight * weight
        self.weight += total(weight)
        self.weight_squares += total(squares)
        self.correct += total(weight * correct)
        brier = 1.0 - 2.0 * target_prob + scores.sum_squares
        with np.errstate(over="ignore"):  # of losses beyond 1e150, which then have no interval
            for sums, values in ((self.nll, scores.nll), (self.brier, brier)):
                sums += [total(weight * values), total(squares * values), total(squares * values**2)]
        index, size = group * self.n_bins + bin_index, n_groups * self.n_bins
        self._bins += [
            total(weight, index, size),
            total(squares, index, size),
            total(weight * scores.confidence, index, size),
            total(weight * correct, index, size),
        ]

    def size(self, group: int = 0) -> float:
        """Return the (effective) number of rows of a group."""
        return effective_size(float(self.weight[group]), float(self.weight_squares[group]))

    def accuracy(self, group: int = 0, empty: str = "no rows") -> Estimate:
        """Return the share of right rows, with Wilson's interval."""
        n = self.size(group)
        return wilson(float(self.correct[group] / self.weight[group]), n, empty) if n > 0 else missing(empty)

    def mean_nll(self, group: int = 0, empty: str = "no rows") -> Estimate:
        """Return the mean loss in nats, with its normal interval (cut at 0, below which no loss is)."""
        return self._mean(self.nll, group, empty)

    def mean_brier(self, group: int = 0) -> Estimate:
        """Return the mean Brier score, with its normal interval (cut at 0)."""
        return self._mean(self.brier, group, "no rows")

    def _mean(self, sums: Float64, group: int, empty: str) -> Estimate:
        found = weighted_mean(float(self.weight[group]), float(self.weight_squares[group]), sums[:, group], empty)
        return replace(found, low=max(found.low, 0.0)) if found.low < 0 else found

    def bins(self, group: int = 0) -> ConfidenceBins:
        """Return the confidence bins of a group."""
        return ConfidenceBins(self._bins.reshape(4, -1, self.n_bins)[:, group])

    def mean_confidence(self, group: int = 0) -> float:
        """Return the mean of the largest probability."""
        return float(self.bins(group).confidence.sum() / self.weight[group]) if self.weight[group] > 0 else math.nan


class LossChange:
    """By how much each row's loss changed from before to after: both are of the same rows, so pairs are compared."""

    def __init__(self) -> None:
        self.weight = self.weight_squares = 0.0
        self._sums = np.zeros(3)

    def add(self, before: Float64, after: Float64, weight: Float64) -> None:
        """Add rows; those with an infinite loss, which no temperature changes, do not count."""
        finite = np.isfinite(before) & np.isfinite(after)
        change, weight = after[finite] - before[finite], weight[finite]
        squares = weight * weight
        self.weight += float(weight.sum())
        self.weight_squares += float(squares.sum())
        with np.errstate(over="ignore"):
            self._sums += [(weight * change).sum(), (squares * change).sum(), (squares * change**2).sum()]

    def mean(self) -> Estimate:
        """Return the mean change with its interval; above 0 is worse."""
        return weighted_mean(self.weight, self.weight_squares, self._sums)


class Ranks:
    """How often the label was among the k best, for k up to 10."""

    def __init__(self) -> None:
        self.weight = np.zeros(11)

    def add(self, rank: Int64, weight: Float64) -> None:
        """Add rows with the rank of their label (0 is best)."""
        self.weight += np.bincount(np.minimum(rank, 10), weight, 11)

    def within(self, k: int) -> float:
        """Return the share of rows whose label was among the k best."""
        total = self.weight.sum()
        return float(self.weight[:k].sum() / total) if total > 0 else math.nan


class Confusion:
    """Weights of rows by true and predicted class."""

    #: More classes than this are not tabulated: the table would be larger than what it says.
    MAX_CLASSES = 1024

    def __init__(self, n_classes: int) -> None:
        self.table = np.zeros((n_classes, n_classes))

    def add(self, target: Int64, predicted: Int64, weight: Float64) -> None:
        """Add rows."""
        n = len(self.table)
        self.table += np.bincount(target * n + predicted, weight, n * n).reshape(n, n)


class WorstRow(NamedTuple):
    """A wrong row with a large loss."""

    nll: float
    row: int
    label: int
    predicted: int
    confidence: float


class WorstRows:
    """The wrong rows with the largest loss; among equals the first."""

    def __init__(self, capacity: int = 20) -> None:
        self.capacity = capacity
        self._heap: list[tuple[float, int, WorstRow]] = []

    def add(self, row: Int64, target: Int64, scores: RowScores) -> None:
        """Offer rows."""
        wrong = np.flatnonzero(scores.rank > 0)
        if len(wrong) > self.capacity:
            worst = np.argpartition(-scores.nll[wrong], self.capacity - 1)
            floor = scores.nll[wrong[worst[self.capacity - 1]]]
            wrong = wrong[scores.nll[wrong] >= floor]
            wrong = wrong[np.lexsort((wrong, -scores.nll[wrong]))][: self.capacity]
        for i in wrong:
            nll, confidence = float(scores.nll[i]), float(scores.confidence[i])
            found = WorstRow(nll, int(row[i]), int(target[i]), int(scores.predicted[i]), confidence)
            entry = (found.nll, -found.row, found)
            if len(self._heap) < self.capacity:
                heapq.heappush(self._heap, entry)
            else:
                heapq.heappushpop(self._heap, entry)

    def sorted(self) -> list[WorstRow]:
        """Return the rows, worst first."""
        return [found for _, _, found in sorted(self._heap, key=lambda entry: (-entry[0], -entry[1]))]


class LossShare:
    """Which share of the total loss the worst rows own, from a histogram of the loss.

    Bins are the leading bits of the loss, 16 to an octave from 2^-40 to 2^40 nats.
    """

    _BITS, _LOW, _HIGH = 4, -40, 40

    def __init__(self) -> None:
        size = ((self._HIGH - self._LOW) << self._BITS) + 2
        self.weight, self.loss = np.zeros(size), np.zeros(size)

    def add(self, nll: Float64, weight: Float64) -> None:
        """Add rows with their loss."""
        size = len(self.weight)
        bits = (np.abs(nll).view(np.int64) >> (52 - self._BITS)) - ((1023 + self._LOW) << self._BITS) + 1
        index = np.clip(bits, 0, size - 1)
        self.weight += np.bincount(index, weight, size)
        self.loss += np.bincount(index, weight * nll, size)

    def curve(self, points: int = 60) -> list[tuple[float, float, float]]:
        """Return (share of rows, share of loss, least loss) of the worst rows, from few to all; [] where no loss is."""
        rows, loss = self.weight.sum(), self.loss.sum()
        if not (rows > 0 and 0 < loss < math.inf):
            return []
        filled = np.flatnonzero(self.weight)[::-1]
        row_share = np.cumsum(self.weight[filled]) / rows
        loss_share = np.cumsum(self.loss[filled]) / loss
        steps = np.arange(len(self.weight) - 1) / (1 << self._BITS)
        whole = np.floor(steps)
        least = np.concatenate([[0.0], np.ldexp(1.0 + steps - whole, (whole + self._LOW).astype(int))])
        chosen = np.unique(np.searchsorted(row_share, np.linspace(0, 1, points)).clip(0, len(filled) - 1))
        return [(float(row_share[i]), float(loss_share[i]), float(least[filled[i]])) for i in chosen]


class SliceTable:
    """The values of one slice column, numbered as they appear, and the score sums of each."""

    #: A column of more values is no slice but an identifier.
    MAX_VALUES = 200

    def __init__(self, n_bins: int) -> None:
        self.names: dict[str, int] = {}
        self.sums = ScoreSums(self.MAX_VALUES, n_bins)

    def codes(self, values: NDArray[Any]) -> Int64 | None:
        """Return the number of each value's name; None where there are too many."""
        names = self.names
        found = [names.setdefault(value, len(names)) for value in values.tolist()]
        return np.array(found, dtype=np.int64) if len(names) <= self.MAX_VALUES else None
