"""The sums that an audit keeps: that they add up, and what they say."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xent._estimates import effective_size, wilson
from xent.audit.statistics import (
    Confusion,
    LossChange,
    LossShare,
    Ranks,
    ScoreSums,
    SliceTable,
    WorstRows,
    weighted_mean,
)
from xent.kernels.numpy import RowScores, row_scores

from .factories import calibrated

Array = NDArray[Any]


def scored(n: int = 300, n_classes: int = 4, seed: int = 0) -> tuple[RowScores, Array, Array]:
    """Return scores, labels and weights of rows."""
    logits, label = calibrated(n, n_classes, seed)
    return row_scores(logits, label), label, np.random.default_rng(seed).gamma(2.0, 1.0, n)


def part_of(scores: RowScores, rows: slice) -> RowScores:
    columns: list[Any] = [column[rows] for column in scores]
    return RowScores(*columns)


def test_score_sums_are_those_of_their_groups() -> None:
    scores, label, weight = scored()
    bins = np.minimum((scores.confidence * 5).astype(int), 4)
    sums = ScoreSums(5, 5)  # a group more than there are classes
    for rows in (slice(0, 100), slice(100, 101), slice(101, 300)):
        part = part_of(scores, rows)
        sums.add(label[rows], part, np.exp(-part.nll), weight[rows], bins[rows])
    for k in range(4):
        own = label == k
        w, right, nll = weight[own], scores.rank[own] == 0, scores.nll[own]
        assert sums.size(k) == pytest.approx(w.sum() ** 2 / (w**2).sum())
        assert sums.accuracy(k).value == pytest.approx(np.average(right, weights=w))
        assert sums.mean_nll(k).value == pytest.approx(np.average(nll, weights=w))
        brier = 1 - 2 * np.exp(-nll) + scores.sum_squares[own]
        assert sums.mean_brier(k).value == pytest.approx(np.average(brier, weights=w))
        assert sums.mean_confidence(k) == pytest.approx(np.average(scores.confidence[own], weights=w))
        found = sums.bins(k)
        assert found.weight == pytest.approx(np.bincount(bins[own], w, 5))
        assert found.correct == pytest.approx(np.bincount(bins[own], w * right, 5))
    nobody = sums.mean_nll(4, "nobody")
    assert (nobody.reason, nobody.n) == ("nobody", 0.0)
    assert math.isnan(nobody.value)
    assert sums.accuracy(4, "nobody").reason == "nobody"


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=40))
def test_mean_of_equal_weights_is_the_textbooks(values: list[float]) -> None:
    x, n = np.array(values), float(len(values))
    found = weighted_mean(n, n, np.array([x.sum(), x.sum(), (x**2).sum()]))
    assert found.value == pytest.approx(x.mean(), abs=1e-12)
    half = scipy.stats.norm.ppf(0.975) * scipy.stats.sem(x)
    assert found.high - found.value == pytest.approx(half, abs=1e-5)  # √ of a rounding error where all x are equal


def test_interval_of_a_weighted_mean_covers() -> None:
    """95 % of intervals hold the truth, with weights that have nothing to do with the values."""
    random, hits = np.random.default_rng(0), []
    for _ in range(1000):
        x, w = random.normal(3.0, 2.0, 200), random.gamma(1.0, 1.0, 200)
        found = weighted_mean(w.sum(), (w**2).sum(), np.array([w @ x, w**2 @ x, w**2 @ x**2]))
        hits.append(found.low < 3.0 < found.high)
    assert np.mean(hits) == pytest.approx(0.95, abs=3 * np.sqrt(0.95 * 0.05 / 1000))


def test_one_row_has_no_interval_and_no_loss_is_negative() -> None:
    one = weighted_mean(2.0, 4.0, np.array([6.0, 12.0, 36.0]))
    assert (one.value, one.n) == (3.0, 1.0)
    assert math.isnan(one.low)
    assert math.isnan(one.high)
    sums = ScoreSums()
    scores = row_scores(np.array([[0.0, 9.0], [9.0, 0.0]]), np.array([0, 0]))  # 9 nats, and 0.0001
    sums.add(np.zeros(2, int), scores, np.exp(-scores.nll), np.ones(2), np.zeros(2, int))
    loss = sums.mean_nll()
    assert loss.low == 0.0
    assert loss.high == pytest.approx(4.5 + 1.96 * 4.5, rel=1e-3)


def test_infinite_loss_has_a_reason() -> None:
    sums = ScoreSums()
    scores = row_scores(np.array([[-np.inf, 0.0], [1.0, 0.0]]), np.array([0, 0]))
    sums.add(np.zeros(2, int), scores, np.exp(-scores.nll), np.ones(2), np.zeros(2, int))
    assert sums.mean_nll().value == math.inf
    assert sums.mean_nll().reason == "some rows gave their label the probability 0: the loss is infinite"
    assert sums.mean_brier().value == pytest.approx((2.0 + 2 * (1 - 1 / (1 + math.exp(-1))) ** 2) / 2)


@given(st.integers(0, 50), st.integers(1, 50))
def test_wilson_is_scipys(right: int, wrong: int) -> None:
    n = right + wrong
    expected = scipy.stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    found = wilson(right / n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_wilson_of_a_share_that_rounding_pushed_out() -> None:
    assert (wilson(1.0000000000000002, 10).value, wilson(1.0000000000000002, 10).high) == (1.0, 1.0)
    assert (wilson(-1e-17, 10).value, wilson(-1e-17, 10).low) == (0.0, 0.0)
    assert wilson(0.5, 0.0, "empty").reason == "empty"


@given(st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=20))
def test_effective_size(weights: list[float]) -> None:
    w = np.array(weights)
    n = effective_size(float(w.sum()), float((w**2).sum()))
    assert 1 - 1e-12 <= n <= len(w) * (1 + 1e-12)
    assert effective_size(float(7 * w.sum()), float(49 * (w**2).sum())) == pytest.approx(n)


def test_loss_change_is_of_pairs() -> None:
    random = np.random.default_rng(0)
    before, weight = random.gamma(1.0, 5.0, 400), random.gamma(2.0, 1.0, 400)
    after = before + random.normal(0.01, 0.05, 400)
    before[7] = after[7] = np.inf
    change = LossChange()
    for rows in (slice(0, 150), slice(150, 400)):
        change.add(before[rows], after[rows], weight[rows])
    keep = np.isfinite(before)
    d, w = after[keep] - before[keep], weight[keep]
    mean = np.average(d, weights=w)
    n = w.sum() ** 2 / (w**2).sum()
    error = np.sqrt(n / (n - 1) * (w**2 @ (d - mean) ** 2)) / w.sum()
    found = change.mean()
    assert found.value == pytest.approx(mean)
    assert found.high - found.value == pytest.approx(1.959964 * error, rel=1e-6)
    assert found.high - found.low < 0.02  # the losses themselves scatter a hundred times as much


def test_ranks() -> None:
    scores, _, weight = scored(n_classes=14)
    ranks = Ranks()
    ranks.add(scores.rank[:50], weight[:50])
    ranks.add(scores.rank[50:], weight[50:])
    for k in range(1, 11):
        assert ranks.within(k) == pytest.approx(np.average(scores.rank < k, weights=weight))
    assert math.isnan(Ranks().within(1))


def test_confusion() -> None:
    confusion = Confusion(3)
    confusion.add(np.array([0, 0, 2]), np.array([0, 1, 1]), np.array([1.0, 2.0, 4.0]))
    confusion.add(np.array([2]), np.array([1]), np.array([8.0]))
    assert confusion.table.tolist() == [[1, 2, 0], [0, 0, 0], [0, 12, 0]]


@given(
    st.lists(st.tuples(st.sampled_from([0.5, 1.0, 2.0, math.inf]), st.booleans()), max_size=40),
    st.integers(1, 8),
    st.integers(1, 9),
    st.randoms(),
)
def test_worst_rows(rows: list[tuple[float, bool]], capacity: int, size: int, random: Any) -> None:
    """The largest losses of wrong rows, the first of equals first, in whatever order they are offered."""
    nll, wrong = np.array([r[0] for r in rows]), np.array([r[1] for r in rows], dtype=bool)
    expected = sorted(np.flatnonzero(wrong).tolist(), key=lambda i: (-nll[i], i))[:capacity]
    order = list(range(len(rows)))
    random.shuffle(order)
    worst = WorstRows(capacity)
    for start in range(0, len(order), size):
        some = np.sort(np.array(order[start : start + size]))
        filler = np.zeros(len(some))
        worst.add(some, np.zeros(len(some), int), RowScores(nll[some], filler, some, wrong[some].astype(int), filler))
    assert [found.row for found in worst.sorted()] == expected
    assert [found.predicted for found in worst.sorted()] == expected


@given(st.lists(st.tuples(st.floats(1e-6, 1e6), st.floats(0.1, 10.0)), min_size=1, max_size=50))
def test_loss_share(rows: list[tuple[float, float]]) -> None:
    nll, weight = np.array(rows).T
    share = LossShare()
    share.add(nll[:20], weight[:20])
    share.add(nll[20:], weight[20:])
    curve = share.curve()
    for rows_share, loss_share, least in curve:
        worst = nll >= least
        assert rows_share == pytest.approx(weight[worst].sum() / weight.sum())
        assert loss_share == pytest.approx(weight[worst] @ nll[worst] / (weight @ nll))
        # A bin is at most 1/16 wide: the smallest loss above the limit is near it, or the limit is the curve's last.
        assert nll[worst].min() < least * (1 + 1 / 16)
    assert [point[0] for point in curve] == sorted(point[0] for point in curve)
    assert curve[-1][:2] == pytest.approx((1.0, 1.0))


def test_loss_share_of_no_loss_and_of_infinite_loss() -> None:
    none, infinite = LossShare(), LossShare()
    none.add(np.zeros(5), np.ones(5))
    infinite.add(np.array([1.0, np.inf]), np.ones(2))
    assert none.curve() == infinite.curve() == LossShare().curve() == []


def test_slice_table_numbers_names_as_they_appear() -> None:
    table = SliceTable(15)
    first = table.codes(np.array(["b", "a", "b"], dtype=object))
    assert first is not None
    assert first.tolist() == [0, 1, 0]
    second = table.codes(np.array(["c", "a"], dtype=object))
    assert second is not None
    assert second.tolist() == [2, 1]
    assert table.names == {"b": 0, "a": 1, "c": 2}
    assert table.codes(np.array([str(i) for i in range(200)], dtype=object)) is None
