"""From batches to rows that take part: every row is kept, or counted with its reason."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xent.audit.rows import InputFacts, Rows, read_rows
from xent.audit.source import MISSING, Batch

from .factories import ArraySource, Rebatched, calibrated, softmax

IGNORE = 255
NAMES = ["a", "b", "c"]

#: What a row may be, in the order in which a reason is looked for.
FATES = ("other", "weightless", "ignored", "missing", "range", "broken", "no distribution", "good")


def table(fates: list[str], kind: str) -> list[Batch]:
    """Return one batch with a row of each fate, and every later fate's fault in it too: the first one counts."""
    n = len(fates)
    rank = np.array([FATES.index(fate) for fate in fates])
    probs = np.tile([0.5, 0.3, 0.2], (n, 1))
    scores = probs if kind == "probs" else np.tile([3.0, -1.0, 0.5], (n, 1))
    scores[rank <= FATES.index("no distribution")] *= 0.5 if kind == "probs" else 1.0
    scores[rank <= FATES.index("broken"), 1] = np.nan
    label = np.full(n, 2)
    label[rank <= FATES.index("range")] = 3
    label[rank == FATES.index("missing")] = MISSING
    label[rank <= FATES.index("ignored")] = IGNORE
    weight = np.where(rank <= FATES.index("weightless"), 0.0, 2.0)
    split = np.where(rank <= FATES.index("other"), 2, np.arange(n) % 2).astype(np.int8)
    return [Batch(0, scores, label, weight, split, (np.arange(n) * 1.0,))]


class Table:
    def __init__(self, batches: list[Batch], kind: str) -> None:
        source = ArraySource(np.eye(3), [0, 1, 2], kind="probs" if kind == "probs" else "logits")
        self.description, self._batches = source.description, batches

    def sha256(self) -> None:
        return None

    def batches(self) -> Any:
        return iter(self._batches)


@given(st.lists(st.sampled_from(FATES), max_size=12), st.sampled_from(["logits", "probs"]), st.integers(1, 5))
def test_every_row_has_one_fate(fates: list[str], kind: str, size: int) -> None:
    facts = InputFacts()
    source = Rebatched(Table(table(fates, kind), kind), size)
    got = list(read_rows(source, IGNORE, 0, facts))
    if kind == "logits":
        fates = ["good" if fate == "no distribution" else fate for fate in fates]
    count = Counter(fates)
    assert facts.rows == len(fates)
    assert facts.usable == count["good"]
    assert (facts.other_split, facts.weightless, facts.ignored) == (
        count["other"],
        count["weightless"],
        count["ignored"],
    )
    problems = (facts.label_missing, facts.label_range, facts.not_finite, facts.not_distribution)
    for fate, problem in zip(("missing", "range", "broken", "no distribution"), problems, strict=True):
        assert problem.count == count[fate]
        assert problem.rows == [row for row, each in enumerate(fates) if each == fate][:10]
    assert facts.invalid == sum(problem.count for problem in problems)
    kept = [row for row, fate in enumerate(fates) if fate == "good"]
    assert np.concatenate([[], *(rows.row for rows in got)]).tolist() == kept
    for rows in got:
        assert (rows.target == 2).all()
        assert rows.weight is not None
        assert (rows.weight == 2.0).all()
        np.testing.assert_array_equal(rows.slices[0], rows.row)
        np.testing.assert_array_equal(rows.fit, np.where(rows.row % 2 == 0, 0, -1))
        np.testing.assert_array_equal(rows.score, np.where(rows.row % 2 == 1, 0, -1))


def test_a_problem_keeps_its_first_rows_and_what_stood_there() -> None:
    facts = InputFacts()
    label = np.arange(100, 140)
    list(read_rows(Rebatched(ArraySource(np.zeros((40, 3)), label), 7), IGNORE, 0, facts))
    assert facts.label_range.count == 40
    assert facts.label_range.rows == list(range(10))
    assert facts.label_range.values == [str(value) for value in range(100, 110)]


def only(source: ArraySource) -> Rows:
    (rows,) = read_rows(source, IGNORE, 0)
    return rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_probabilities_become_their_logarithms_in_float64(dtype: type) -> None:
    logits, label = calibrated(50, 3)
    probs = softmax(logits).astype(dtype)
    probs[3] = [0, 1, 0]
    rows = only(ArraySource(probs, label, kind="probs"))
    assert rows.logits.dtype == np.float64
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(rows.logits, np.log(probs.astype(np.float64)))


def test_logits_keep_their_dtype_and_are_not_copied() -> None:
    logits = calibrated(50, 3)[0].astype(np.float32)
    rows = only(ArraySource(logits, np.zeros(50, dtype=int)))
    assert rows.logits.dtype == np.float32
    assert np.shares_memory(rows.logits, logits)


@pytest.mark.parametrize(
    ("row", "good"),
    [
        ([0.2, 0.3, 0.5], True),
        ([0.2, 0.3, 0.509], True),
        ([0.2, 0.3, 0.491], True),
        ([0.2, 0.3, 0.52], False),
        ([0.2, 0.3, 0.48], False),
        ([-0.001, 0.5, 0.501], False),
        ([1.2, -0.2, 0.0], False),
        ([1.0, 0.0, 0.0], True),
    ],
)
def test_what_is_a_distribution(row: list[float], good: bool) -> None:
    facts = InputFacts()
    list(read_rows(ArraySource([row], [0], kind="probs"), IGNORE, 0, facts))
    assert facts.usable == good
    like = InputFacts()
    list(read_rows(ArraySource([row], [0], kind="logits"), IGNORE, 0, like))
    assert like.probability_like == good


def test_halves_are_even_and_the_seeds() -> None:
    zeros = ArraySource(np.zeros((4000, 2)), np.zeros(4000, dtype=int))
    halves: list[NDArray[np.int8]] = []
    for seed in (0, 1):
        fit = np.concatenate([rows.fit for rows in read_rows(Rebatched(zeros, 999), IGNORE, seed)])
        score = np.concatenate([rows.score for rows in read_rows(zeros, IGNORE, seed)])
        np.testing.assert_array_equal(fit + score, 1)
        assert fit.sum() == pytest.approx(2000, abs=4 * np.sqrt(1000))
        halves.append(fit)
    assert (halves[0] == halves[1]).mean() == pytest.approx(0.5, abs=0.04)
