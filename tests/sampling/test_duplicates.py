"""Sets of near-identical rows against all distances (scipy), at the places where a shortcut would show."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import cdist

from xent import DtypeError, OptionError, ShapeError
from xent.kernels import numpy as spec
from xent.sampling import duplicates, near_duplicates


def by_all_distances(X, tolerance):
    return connected_components(cdist(X, X) <= tolerance)[1]


def same_partition(a, b):
    """Say whether two labellings put the same rows together."""
    pairs = np.unique(np.stack([a, b]), axis=1).shape[1]
    return pairs == len(np.unique(a)) == len(np.unique(b))


@given(st.data())
def test_all_pairs_within_the_tolerance_are_joined_and_no_others(data):
    """On a lattice many distances are exactly the tolerance, and many rows lie exactly on a cell's edge."""
    d, n = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 60))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    X = random.integers(0, data.draw(st.integers(1, 12)), (n, d)).astype(np.float64)
    tolerance = data.draw(st.sampled_from([0.5, 1.0, 2.0, 5.0]))
    assert same_partition(near_duplicates(X, tolerance=tolerance), by_all_distances(X, tolerance))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("n", "d", "tolerance"),
    [(2000, 1, 1e-4), (2000, 2, 1e-2), (2000, 3, 0.1), (1500, 20, 2.0), (600, 100, 10.0), (500, 400, 25.5)],
)
def test_random_rows(n, d, tolerance, dtype):
    """From few dimensions, where the grid rules out nearly all pairs, to many, where it rules out none."""
    X = np.random.default_rng(d).normal(size=(n, d)).astype(dtype)
    X[n // 2 : n // 2 + 50] = X[:50] + (0.5 * tolerance / np.sqrt(d)) * np.random.default_rng(1).normal(size=(50, d))
    found = near_duplicates(X, tolerance=tolerance)
    assert same_partition(found, by_all_distances(X.astype(np.float64), tolerance))
    assert 10 < len(found) - len(np.unique(found)) < len(found) - 1


def test_dense_blocks_and_sparse_pairs_meet():
    """A clump of rows all alike, a clump in which only some pairs are close, and rows scattered between them."""
    random = np.random.default_rng(3)
    alike, loose = 1e-4 * random.normal(size=(1500, 8)), 0.3 + 0.012 * random.normal(size=(1500, 8))
    X = random.permutation(np.concatenate([alike, loose, random.normal(size=(1000, 8))]))
    found = near_duplicates(X, tolerance=0.02)
    assert same_partition(found, by_all_distances(X, 0.02))
    assert np.bincount(found).max() >= 1500


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_scale_and_offset_do_not_matter(scale, offset):
    X = np.random.default_rng(0).integers(0, 30, (400, 3)) + offset  # whole numbers: exact whatever is added
    found = near_duplicates(X * scale, tolerance=1.5 * scale)
    assert same_partition(found, by_all_distances(X, 1.5))


def test_a_chain_joins_its_ends_and_numbers_follow_first_rows():
    X = np.array([[9.0], [0.0], [2.0], [1.0], [9.0], [3.1]])
    assert near_duplicates(X, tolerance=1.0).tolist() == [0, 1, 1, 1, 0, 2]
    chain = np.random.default_rng(0).permutation(5000).astype(np.float64)[:, None]
    assert near_duplicates(chain, tolerance=1.0).max() == 0
    assert near_duplicates(chain, tolerance=0.999).max() == 4999


def test_equal_rows_with_zeros_nan_and_infinities():
    nan, inf = np.nan, np.inf
    X = [[0.0, nan], [-0.0, nan], [nan, 0.0], [inf, 1.0], [inf, 1.0], [-inf, 1.0], [0.0, 1.0], [-0.0, 1.0 + 1e-9]]
    assert near_duplicates(X).tolist() == [0, 0, 1, 2, 2, 3, 4, 5]
    assert near_duplicates(X, tolerance=1e-6).tolist() == [0, 0, 1, 2, 2, 3, 4, 4]
    other_nan = np.array([[0x7FF8000000000001], [0xFFF8000000000000]], dtype=np.uint64).view(np.float64)
    assert near_duplicates(other_nan).tolist() == [0, 0]


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, bool, np.float16, np.float32])
def test_equal_rows_of_every_dtype(dtype):
    X = np.random.default_rng(0).integers(0, 4, (500, 4)).astype(dtype)
    assert same_partition(near_duplicates(X), np.unique(X, axis=0, return_inverse=True)[1].ravel())


def test_rows_of_one_hash_are_still_compared(monkeypatch):
    class OneHash:
        row_hash = staticmethod(lambda logits: np.zeros(len(logits), dtype=np.uint64))

    X = np.random.default_rng(0).integers(0, 3, (60, 3)).astype(np.float64)
    X[7, 1] = X[9, 1] = np.nan
    monkeypatch.setattr(duplicates, "backend_for", lambda logits: OneHash)
    found = near_duplicates(X)
    monkeypatch.setattr(duplicates, "backend_for", lambda logits: spec)
    np.testing.assert_array_equal(found, near_duplicates(X))
    assert same_partition(found, np.unique(np.nan_to_num(X, nan=9.0), axis=0, return_inverse=True)[1].ravel())


def test_the_order_of_rows_does_not_matter():
    random = np.random.default_rng(5)
    X = random.normal(size=(800, 5))
    order = random.permutation(800)
    found = near_duplicates(X, tolerance=0.6)
    assert 100 < found.max() < 799
    assert same_partition(found[order], near_duplicates(X[order], tolerance=0.6))


def test_cosine_similarity_as_a_distance():
    random = np.random.default_rng(6)
    X = random.normal(size=(600, 4))
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    joined = connected_components(X @ X.T >= 0.999)[1]
    assert same_partition(near_duplicates(X, tolerance=np.sqrt(2 - 2 * 0.999)), joined)


def test_no_rows_and_one_row():
    assert near_duplicates(np.empty((0, 3)), tolerance=1.0).tolist() == []
    assert near_duplicates([[1.0, 2.0]], tolerance=1.0).tolist() == [0]


@pytest.mark.parametrize(
    ("X", "tolerance", "error", "message"),
    [
        ([1.0], 0.0, ShapeError, "X must have shape (rows, features); got shape (1,)"),
        (np.empty((3, 0)), 0.0, ShapeError, "got shape (3, 0)"),
        ([["a"]], 0.0, DtypeError, "X must be real numbers"),
        ([[2**53], [2**53 + 1]], 0.0, DtypeError, "X must hold integers below 2^53, which a float64 tells apart"),
        ([[1.0]], -1.0, OptionError, "tolerance must be a finite number ≥ 0; got -1.0"),
        ([[1.0]], np.nan, OptionError, "tolerance must be a finite number ≥ 0; got nan"),
    ],
)
def test_refusals(X, tolerance, error, message):
    with pytest.raises(error, match=f"^near_duplicates: .*{re.escape(message)}"):
        near_duplicates(X, tolerance=tolerance)
