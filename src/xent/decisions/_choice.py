"""The threshold of one cell of rows: by its own counts, or proven for new rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xent._estimates import Estimate, effective_size, missing, normal, wilson
from xent.decisions import guarantees
from xent.decisions._goals import Aim
from xent.decisions.thresholds import needed_positives

Array = NDArray[Any]
Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]

#: The share of the rows that proposes where to begin, when a precision or a cost is to be proven on the others.
_LEARN = 0.2

#: A sum reaches a share of another up to their rounding.
_SLACK = 1e-12


class Choice(NamedTuple):
    """A threshold, None for the reason given, and the fewest rows with which there can be one.

    ``exact`` says that no other threshold is proven with it, not even one that flags the same rows.
    """

    threshold: float | None
    needed: int | None = None
    reason: str | None = None
    exact: bool = False


@dataclass(frozen=True)
class Cell:
    """The rows that one threshold is for; ``weight`` is None where all count alike."""

    function: str
    positive: Bool
    score: Array
    weight: Float64 | None

    def rows(self, index: Array) -> Cell:
        """Return some of the rows."""
        weight = None if self.weight is None else self.weight[index]
        return Cell(self.function, self.positive[index], self.score[index], weight)


class _Counts:
    """Sums of weight at or above thresholds: one sort, then a search for each threshold."""

    def __init__(self, cell: Cell) -> None:
        order = np.argsort(-cell.score)
        self.score = cell.score[order].astype(np.float64)
        weight = np.ones(len(order)) if cell.weight is None else cell.weight[order]
        self._flagged = np.concatenate([[0.0], np.cumsum(weight)])
        self._hits = np.concatenate([[0.0], np.cumsum(weight * cell.positive[order])])
        self.total, self.positives = float(self._flagged[-1]), float(self._hits[-1])

    def thresholds(self) -> Float64:
        """Return the distinct scores from the highest."""
        return self.score[np.append(True, self.score[1:] != self.score[:-1])] if len(self.score) else self.score

    def at(self, thresholds: Float64) -> tuple[Float64, Float64]:
        """Return (weight of the flagged, of the positives among them) at each threshold."""
        ends = len(self.score) - np.searchsorted(self.score[::-1], thresholds, side="left")
        return self._flagged[ends], self._hits[ends]

    def cost(self, thresholds: Float64, cost: Float64) -> Float64:
        """Return the sum of the costs of all rows at each threshold."""
        flagged, hits = self.at(thresholds)
        (tn, fp), (fn, tp) = cost.tolist()
        mistaken = flagged - hits
        right = self.total - self.positives - mistaken
        result: Float64 = hits * tp + mistaken * fp + (self.positives - hits) * fn + right * tn
        return result


def choose(cell: Cell, aim: Aim, confidence: float | None, candidates: Float64 | None, seed: int) -> Choice:
    """Return the threshold of one cell: a candidate, or one midway between two neighbouring scores."""
    choice = _choose(cell, aim, confidence, candidates, seed)
    if choice.threshold is None or candidates is not None or choice.exact:
        return choice
    return choice._replace(threshold=_midway(cell.score, choice.threshold))


def _midway(score: Array, threshold: float) -> float:
    """Return a threshold that flags the same rows, and does so when their scores come back rounded otherwise.

    What holds of a threshold's flags holds of every one between the same two scores: a lower one has no lower recall;
    and on the way of a sequence of tests each of them would have passed as this one did.
    """
    flagged = score >= threshold
    above = score.min(where=flagged, initial=np.inf)
    below = score.max(where=~flagged, initial=-np.inf)
    if not (np.isfinite(above) and np.isfinite(below)):
        return threshold
    middle = score.dtype.type(float(below) / 2 + float(above) / 2)
    return float(middle if below < middle < above else above)


def _choose(cell: Cell, aim: Aim, confidence: float | None, candidates: Float64 | None, seed: int) -> Choice:
    needed = None if confidence is None else _needed(aim, confidence)
    n_positive = int(np.count_nonzero(cell.positive))
    count, noun = {
        "fpr": (len(cell.score) - n_positive, "negatives"),
        "precision": (len(cell.score), "rows"),
        "cost": (len(cell.score), "rows"),
    }.get(aim.kind, (n_positive, "positives"))
    if count == 0:
        return Choice(None, needed, f"no {noun}")
    if confidence is None:
        return _by_order(cell, aim, None) if aim.kind in ("recall", "fpr") else _by_counts(cell, aim)
    if needed is None:
        return Choice(None, None, f"{aim} cannot be promised from any number of rows")
    if aim.kind in ("recall", "fpr"):
        if count < needed:
            return Choice(None, needed, _too_few(count, noun, aim, confidence, needed))
        return _by_order(cell, aim, confidence)._replace(needed=needed)
    return _by_tests(cell, aim, confidence, needed, candidates, seed)


def _needed(aim: Aim, confidence: float) -> int | None:
    """Return with how many rows, none of them wrong, the goal would be proven; None for no number."""
    share = aim.value if aim.kind in ("recall", "precision") else 1.0 - aim.value
    if aim.cost is not None:
        share = 1.0 - _scaled_limit(aim, aim.cost)
    return needed_positives(share, confidence)


def _too_few(count: int, noun: str, aim: Aim, confidence: float, needed: int) -> str:
    return f"{count} {noun} are too few: {aim} with confidence {confidence:.6g} needs at least {needed}"


def _by_order(cell: Cell, aim: Aim, confidence: float | None) -> Choice:
    """Choose by the order of the positives alone (recall) or of the negatives alone (false-positive rate).

    They err when they fall below the threshold, or when they do not; of n no more may err than the share that the goal
    leaves, or than :func:`guarantees.allowed_errors`.
    """
    recall = aim.kind == "recall"
    own = cell.positive if recall else ~cell.positive
    score = cell.score[own]
    share = aim.value if recall else 1.0 - aim.value
    if cell.weight is None:
        if confidence is None:
            errors = min(math.floor(len(score) * (1.0 - share + _SLACK)), len(score) - 1)
        else:
            errors = guarantees.allowed_errors(cell.function, len(score), share, confidence)
        rank = errors if recall else len(score) - 1 - errors
        limit = np.partition(score, rank)[rank]
    else:
        order = np.argsort(score) if recall else np.argsort(score)[::-1]
        erring = np.cumsum(cell.weight[own][order])
        first = int(np.searchsorted(erring, erring[-1] * (1.0 - share + _SLACK), side="right"))
        limit = score[order[min(first, len(score) - 1)]]
    if recall:
        return Choice(float(limit))
    above = cell.score[cell.score > limit]
    if len(above) == 0 and limit == np.inf:
        return Choice(None, None, "too many negatives have a score of inf, which every threshold flags")
    return Choice(float(above.min() if len(above) else np.nextafter(limit, limit.dtype.type(np.inf))))


def _by_counts(cell: Cell, aim: Aim) -> Choice:
    """Choose the best of the rows' own scores by precision, F or cost."""
    counts = _Counts(cell)
    thresholds = counts.thresholds()
    if aim.cost is not None:
        thresholds = np.append(np.inf, thresholds)
        return Choice(float(thresholds[counts.cost(thresholds, aim.cost).argmin()]))
    flagged, hits = counts.at(thresholds)
    if aim.kind == "precision":
        reached = np.flatnonzero(hits >= flagged * (aim.value * (1.0 - _SLACK)))
        if len(reached) == 0:
            return Choice(None, None, f"no threshold reaches {aim} on these rows")
        return Choice(float(thresholds[reached[-1]]))
    share = _recall_share(aim.value)
    return Choice(float(thresholds[(hits / ((1.0 - share) * flagged + share * counts.positives)).argmax()]))


def _recall_share(beta: float) -> float:
    """Return β² / (1 + β²), the share of recall in F = 1 / ((1 - share) / precision + share / recall)."""
    return (beta / math.hypot(1.0, beta)) ** 2


def _by_tests(cell: Cell, aim: Aim, confidence: float, needed: int, candidates: Float64 | None, seed: int) -> Choice:
    """Choose among the thresholds that fixed-sequence tests prove to keep a precision or an expected cost."""
    if candidates is None:
        index = np.random.default_rng(seed).permutation(len(cell.score))
        proposing = max(round(_LEARN * len(index)), 1)
        learned, tested = cell.rows(index[:proposing]), cell.rows(index[proposing:])
    else:
        learned, tested = cell, cell
        candidates = candidates.astype(cell.score.dtype).astype(np.float64)  # what scores of that dtype compare with
    n = len(tested.score)
    if n < needed:
        noun = "rows" if candidates is not None else "rows that test (four fifths)"
        return Choice(None, needed, _too_few(n, noun, aim, confidence, needed))
    counts = _Counts(tested)
    level = 1.0 - confidence
    if candidates is not None:
        proven = candidates[: _passed(cell.function, counts, aim, candidates, level)]
        first = candidates[0]
    else:
        first = _proposal(learned, aim)
        start = np.array([first])
        proven = start[: _passed(cell.function, counts, aim, start, level)]
        if len(proven):
            own = counts.thresholds()
            ways = [own[own < first]]
            if aim.cost is not None:  # the first test hands its level to both ways
                ways, level = [ways[0], np.append(own[own > first][::-1], np.inf)], level / 2
            proven = np.concatenate([start, *(way[: _passed(cell.function, counts, aim, way, level)] for way in ways)])
    if len(proven) == 0:
        return Choice(None, needed, _unproven(counts, aim, first))
    if aim.cost is None:
        return Choice(float(proven.min()), needed)
    cheapest = float(proven[_Counts(cell).cost(proven, aim.cost).argmin()])
    # The first threshold was tested at the whole level, all others at half of it.
    alone = candidates is None and _passed(cell.function, counts, aim, np.array([cheapest]), level) == 0
    return Choice(cheapest, needed, exact=alone)


def _proposal(learned: Cell, aim: Aim) -> float:
    """Return the threshold to test first: the cheapest of the rows that propose, or the surest of precision."""
    if aim.cost is not None:
        threshold = _by_counts(learned, aim).threshold
        assert threshold is not None
        return threshold
    counts = _Counts(learned)
    thresholds = counts.thresholds()
    flagged, hits = counts.at(thresholds)
    return float(thresholds[guarantees.surest(flagged, hits, aim.value)])


def _passed(function: str, counts: _Counts, aim: Aim, thresholds: Float64, level: float) -> int:
    """Return how many of the thresholds, tested in this order, keep the goal before the first that does not."""

    def p_values(part: slice) -> Float64:
        if aim.cost is None:
            flagged, hits = counts.at(thresholds[part])
            return guarantees.at_least(function, hits, flagged, aim.value)
        least, greatest = aim.cost.min(), aim.cost.max()
        scaled = (aim.cost - least) / (greatest - least)
        totals, limit = counts.cost(thresholds[part], scaled), _scaled_limit(aim, aim.cost)
        if np.isin(scaled, (0.0, 1.0)).all():
            return guarantees.at_most(function, totals, counts.total, limit)
        return guarantees.mean_at_most(function, totals, counts.total, limit)

    return guarantees.rejections(p_values, len(thresholds), level)


def _scaled_limit(aim: Aim, cost: Float64) -> float:
    return float((aim.value - cost.min()) / (cost.max() - cost.min()))


def _unproven(counts: _Counts, aim: Aim, first: float) -> str:
    flagged, hits = counts.at(np.array([first]))
    said = f"{aim} is not proven at the first threshold tested, {first:.6g}: "
    if aim.cost is None:
        return said + f"{int(hits[0])} of the {int(flagged[0])} rows flagged there are positive"
    mean = float(counts.cost(np.array([first]), aim.cost)[0]) / counts.total
    return said + f"it costs {mean:.6g} a row on {int(counts.total)} rows"


def measure(cell: Cell, aim: Aim, threshold: float | None) -> dict[str, Estimate]:
    """Return recall, precision, false-positive rate, the share flagged, and the goal's own measure, on these rows."""
    names = dict.fromkeys(["recall", "precision", "fpr", "flagged", aim.kind])
    if threshold is None:
        return dict.fromkeys(names, missing("no threshold"))
    flagged = cell.score >= np.float64(threshold)  # float32 scores too are compared in float64

    def share(of: Bool, among: Bool, empty: str) -> Estimate:
        if cell.weight is None:
            n, total, hits = (float(np.count_nonzero(each)) for each in (among, among, among & of))
        else:
            inside = cell.weight[among]
            total, hits = float(inside.sum()), float(cell.weight[among & of].sum())
            n = effective_size(total, float(np.square(inside).sum()))
        return wilson(hits / total if total > 0 else math.nan, n, empty)

    result = {
        "recall": share(flagged, cell.positive, "no positives"),
        "precision": share(cell.positive, flagged, "no rows flagged"),
        "fpr": share(flagged, ~cell.positive, "no negatives"),
        "flagged": share(flagged, np.ones_like(flagged), "no rows"),
    }
    if aim.cost is not None:
        each = aim.cost[cell.positive.astype(int), flagged.astype(int)]
        result["cost"] = _mean(each, np.ones(len(each)), cell.weight)
    elif aim.kind == "f_beta":
        share_recall = _recall_share(aim.value)
        result["f_beta"] = _mean(
            (flagged & cell.positive).astype(float),
            (1.0 - share_recall) * flagged + share_recall * cell.positive,
            cell.weight,
        )
    return result


def _mean(above: Float64, below: Float64, weights: Float64 | None) -> Estimate:
    """Return Σw·above / Σw·below with the interval of the linearised ratio."""
    weight = np.ones(len(above)) if weights is None else weights
    total = float((weight * below).sum())
    ratio = float((weight * above).sum()) / total
    error = math.sqrt(float(np.square(weight * (above - ratio * below)).sum())) / total
    return normal(ratio, error, effective_size(float(weight.sum()), float(np.square(weight).sum())))
