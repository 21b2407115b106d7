"""From a table's batches to rows that can be scored, and a record of those that cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xent import _validate
from xent.audit.prefetch import one_ahead
from xent.audit.sketch import uniform_keys
from xent.audit.source import CALIBRATION, MISSING, OTHER, TEST, Batch, Source

Array = NDArray[Any]
Bools = NDArray[np.bool_]

#: How many row numbers a message names.
_EXAMPLES = 10


class Rows(NamedTuple):
    """Valid rows: finite logits with a label in range, and a weight above 0. ``row`` is their number in the table.

    ``fit`` is the number of the fit that a row contributes to, ``score`` the one whose temperature and thresholds score
    it; -1 is none. With a split column fit 0 learns from the calibration rows and scores the test rows. Without one,
    fit h learns from half h and scores the other half.
    """

    row: NDArray[np.int64]
    logits: Array
    target: NDArray[np.int64]
    weight: NDArray[np.float64] | None
    fit: NDArray[np.int8]
    score: NDArray[np.int8]
    slices: tuple[Array, ...]

    def where(self, mask: Bools) -> Rows:
        """Return the rows of a mask."""
        if mask.all():
            return self
        weight = None if self.weight is None else self.weight[mask]
        return Rows(
            self.row[mask],
            self.logits[mask],
            self.target[mask],
            weight,
            self.fit[mask],
            self.score[mask],
            tuple(column[mask] for column in self.slices),
        )


@dataclass
class Problem:
    """Rows that were left out for one reason: how many, the first of them, and what stood there."""

    count: int = 0
    rows: list[int] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def add(self, rows: NDArray[np.int64], values: Array) -> None:
        """Add rows with what stood there."""
        self.count += len(rows)
        room = _EXAMPLES - len(self.rows)
        self.rows += [int(row) for row in rows[:room]]
        self.values += [str(value) for value in values[:room]]


@dataclass
class InputFacts:
    """What the first pass learns of the rows before any is scored."""

    rows: int = 0
    ignored: int = 0
    other_split: int = 0
    weightless: int = 0
    label_missing: Problem = field(default_factory=Problem)
    label_range: Problem = field(default_factory=Problem)
    not_finite: Problem = field(default_factory=Problem)
    not_distribution: Problem = field(default_factory=Problem)
    zero_target: Problem = field(default_factory=Problem)
    probability_like: int = 0

    @property
    def invalid(self) -> int:
        """The number of rows that should take part and cannot."""
        return self.label_missing.count + self.label_range.count + self.not_finite.count + self.not_distribution.count

    @property
    def usable(self) -> int:
        """The number of rows that take part."""
        return self.rows - self.invalid - self.ignored - self.other_split - self.weightless


def read_rows(source: Source, ignore_index: int, seed: int, facts: InputFacts | None = None) -> Iterator[Rows]:
    """Yield the valid rows of a source, batch by batch; with ``facts``, record there what was left out."""
    facts = InputFacts() if facts is None else facts
    probs = source.description.kind == "probs"
    for batch in one_ahead(source.batches()):
        facts.rows += len(batch.label)
        keep = _with_label(batch, source.description.n_classes, ignore_index, facts)
        scores = batch.scores if keep.all() else batch.scores[keep]
        row = batch.start + np.flatnonzero(keep)
        good, logits = usable_logits(scores, row, probs, facts)
        if batch.split is not None:
            split = batch.split[keep]
            fit = np.where(split == CALIBRATION, 0, -1).astype(np.int8)
            score = np.where(split == TEST, 0, -1).astype(np.int8)
        else:
            fit = (uniform_keys(row, seed) & np.uint64(1)).astype(np.int8)
            score = (1 - fit).astype(np.int8)
        weight = None if batch.weight is None else batch.weight[keep]
        slices = tuple(column[keep] for column in batch.slices)
        yield Rows(row, logits, batch.label[keep], weight, fit, score, slices).where(good)


def _with_label(batch: Batch, n_classes: int, ignore_index: int, facts: InputFacts) -> Bools:
    """Return which rows belong to the audit and have a label in range; a row of weight 0 is as if it were not there."""
    label = batch.label
    nowhere = np.zeros(len(label), dtype=np.bool_)
    other: Bools = nowhere if batch.split is None else batch.split == OTHER
    weightless: Bools = nowhere if batch.weight is None else (batch.weight == 0.0) & ~other
    apart = other | weightless
    ignored: Bools = (label == ignore_index) & ~apart
    missing: Bools = (label == MISSING) & ~ignored & ~apart
    outside: Bools = ((label < 0) | (label >= n_classes)) & ~ignored & ~missing & ~apart
    facts.other_split += int(other.sum())
    facts.weightless += int(weightless.sum())
    facts.ignored += int(ignored.sum())
    for mask, problem in ((missing, facts.label_missing), (outside, facts.label_range)):
        found = np.flatnonzero(mask)
        if len(found):
            problem.add(batch.start + found, np.where(label[found] == MISSING, "null", label[found].astype(str)))
    return ~(apart | ignored | missing | outside)


def usable_logits(scores: Array, row: NDArray[np.int64], probs: bool, facts: InputFacts) -> tuple[Bools, Array]:
    """Return which rows are sound, and all rows as logits (of probabilities: their logarithms)."""
    if len(scores) == 0:
        return np.zeros(0, dtype=np.bool_), scores
    good = np.ones(len(scores), dtype=np.bool_)
    if not (np.isfinite(scores.max()) and np.isfinite(scores.min())):  # of all at once: ten times as fast as row by row
        top = scores.max(axis=1)
        good = np.isfinite(top)
        facts.not_finite.add(row[~good], top[~good])
    if not probs:
        facts.probability_like += _count_distributions(scores)
        return good, scores
    bad = good & ~_validate.is_distribution(scores)
    if bad.any():
        facts.not_distribution.add(row[bad], scores[bad].sum(axis=1, dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        return good & ~bad, np.log(scores, dtype=np.float64)


def _count_distributions(scores: Array) -> int:
    """Return how many rows are distributions; true logits drop out after a few columns, and are spared the sums."""
    rows = np.arange(len(scores))
    for column in scores.T[:16]:
        values = column[rows]
        rows = rows[(values >= 0) & (values <= 1)]
    return int(_validate.is_distribution(scores[rows]).sum())
