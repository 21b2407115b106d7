"""The bounded sample: what it keeps, and that it is fair."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.audit.sketch import SmallestKeys, uniform_keys

PARTS = st.lists(st.lists(st.integers(0, 30), max_size=20), max_size=8)


def fed(parts: list[list[int]], capacity: int) -> tuple[SmallestKeys, list[tuple[int, int]]]:
    """Return the sketch of numbered keys that come in parts, and all of them."""
    sketch = SmallestKeys(capacity)
    everything: list[tuple[int, int]] = []
    for part in parts:
        numbered = list(enumerate(part, len(everything)))
        everything += numbered
        sketch.add(np.array(part, dtype=np.uint64), np.array([row for row, _ in numbered], dtype=np.int64))
    return sketch, everything


@given(PARTS, st.integers(1, 40))
def test_keeps_all_rows_below_a_limit_whatever_the_parts(parts: list[list[int]], capacity: int) -> None:
    """Either all rows, or those of whole keys, smallest first, as long as they fit."""
    sketch, everything = fed(parts, capacity)
    keys = sorted(key for _, key in everything)
    if len(keys) > capacity:
        limit = keys[capacity]
        everything = [(row, key) for row, key in everything if key < limit]
    assert sketch.complete == (len(keys) <= capacity)
    assert len(sketch.keys) <= capacity
    rows = sketch.columns[0].tolist() if sketch.columns else []
    assert list(zip(rows, sketch.keys.tolist(), strict=True)) == everything
    assert sketch.seen == len(keys)


@given(PARTS, st.integers(1, 40), st.randoms())
def test_order_does_not_matter(parts: list[list[int]], capacity: int, random: np.random.RandomState) -> None:
    shuffled = [list(part) for part in parts]
    random.shuffle(shuffled)
    one, other = fed(parts, capacity)[0], fed(shuffled, capacity)[0]
    assert sorted(one.keys.tolist()) == sorted(other.keys.tolist())
    assert one.complete == other.complete


def test_columns_stay_with_their_rows() -> None:
    sketch, rows = SmallestKeys(500), np.arange(3000)
    for part in np.array_split(rows, 7):
        sketch.add(uniform_keys(part, 0), part, np.stack([part, part**2], axis=1))
    kept, squares = sketch.columns
    np.testing.assert_array_equal(uniform_keys(kept, 0), sketch.keys)
    np.testing.assert_array_equal(squares, np.stack([kept, kept**2], axis=1))
    assert len(kept) == 500


def test_share_in_the_sample_is_unbiased() -> None:
    """Over 400 seeds the mean share of a kind of row is its share of all, within 3 standard errors."""
    rows = np.arange(2000)
    kind = rows % 5 == 0
    shares = []
    for seed in range(400):
        sketch = SmallestKeys(100)
        sketch.add(uniform_keys(rows, seed), kind)
        shares.append(sketch.columns[0].mean())
    error = np.sqrt(0.2 * 0.8 / 100 * (1 - 100 / 2000))
    assert np.mean(shares) == pytest.approx(0.2, abs=3 * error / np.sqrt(400))
    assert np.std(shares) == pytest.approx(error, rel=0.15)


def test_keys_are_different_and_look_uniform() -> None:
    rows = np.arange(100_000)
    keys = uniform_keys(rows, 3)
    assert len(np.unique(keys)) == len(rows)
    np.testing.assert_array_equal(keys[500:600], uniform_keys(rows[500:600], 3))
    for bit in (0, 1, 31, 63):  # the halves of a cross-fit are bit 0
        assert ((keys >> np.uint64(bit)) & np.uint64(1)).mean() == pytest.approx(0.5, abs=0.005)
    other = uniform_keys(rows, 4)
    same = ((keys ^ other) & np.uint64(1)).mean()
    assert same == pytest.approx(0.5, abs=0.005)
