"""The calibration error: by hand, on real networks, and its intervals by simulation."""

import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xent.calibration import ConfidenceBins

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"


def bins_of(confidence, correct, n_bins=15, weight=None):
    confidence, correct = np.asarray(confidence, float), np.asarray(correct, float)
    weight = np.ones(len(confidence)) if weight is None else np.asarray(weight, float)
    index = ConfidenceBins.index(confidence, n_bins)
    sums = [np.bincount(index, w, n_bins) for w in (weight, weight**2, weight * confidence, weight * correct)]
    return ConfidenceBins(np.array(sums))


def test_the_last_bin_holds_one():
    # A bin of its own for confidence 1.0 would give .525.
    assert bins_of([0.95, 1.0], [1, 0], n_bins=10).error().ece.value == pytest.approx(0.475, abs=1e-15)


def test_by_hand():
    # Bins [0, .5) and [.5, 1]: gaps |1/2 - .3| and |2/3 - .8| on 2 and 3 of 5 rows.
    error = bins_of([0.2, 0.4, 0.7, 0.8, 0.9], [0, 1, 1, 0, 1], n_bins=2).error()
    assert error.ece.value == pytest.approx(0.4 * 0.2 + 0.6 * (0.8 - 2 / 3), abs=1e-15)
    assert error.mce == pytest.approx(0.2, abs=1e-15)
    assert error.ece.n == 5


def test_a_float32_is_the_number_it_is():
    # float32(.7) lies below .7 and float32(.1) above .1.
    assert ConfidenceBins.index(np.array([0.7, 0.1], np.float32).astype(float), 10).tolist() == [6, 1]


@settings(max_examples=100)
@given(st.integers(1, 300), st.lists(st.floats(0, 1), min_size=1))
def test_bins_are_found_as_by_search(n_bins, values):
    edges = np.arange(1, n_bins) / n_bins
    near = np.concatenate([values, edges, np.nextafter(edges, 0), np.nextafter(edges, 1)])
    found = ConfidenceBins.index(near, n_bins)
    np.testing.assert_array_equal(found, np.searchsorted(edges, near, side="right"))


@pytest.mark.parametrize("n_bins", [1, 7, 10, 15])
def test_every_edge_belongs_to_the_bin_above_it(n_bins):
    edges = np.arange(n_bins + 1) / n_bins
    assert ConfidenceBins.index(edges, n_bins).tolist() == [*range(n_bins), n_bins - 1]
    assert ConfidenceBins.index(np.nextafter(edges[1:], 0), n_bins).tolist() == list(range(n_bins))


def test_weights_repeat_rows():
    random = np.random.default_rng(0)
    confidence, correct = random.uniform(0.3, 1, 60), random.integers(0, 2, 60)
    weight = random.integers(0, 4, 60)
    repeated = np.repeat(np.arange(60), weight)
    weighted = bins_of(confidence, correct, weight=weight).error().ece
    assert weighted.value == pytest.approx(
        bins_of(confidence[repeated], correct[repeated]).error().ece.value, abs=1e-14
    )
    assert weighted.n == pytest.approx(weight.sum() ** 2 / (weight**2).sum())


@pytest.mark.parametrize(
    ("file", "before"), [("densenet-bc-100-cifar-100", 0.14473), ("wideresnet-16-4-cifar-10", 0.05517)]
)
def test_real_networks(file, before):
    path = SHARED / f"{file}.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here: it is never committed")
    data = np.load(path)
    probs, label = data["predictions"][5000:], data["ground_truth"][5000:]
    error = bins_of(probs.max(axis=1), probs.argmax(axis=1) == label).error()
    assert error.ece.value == pytest.approx(before, abs=5e-6)
    assert error.ece.low > error.null_95
    assert error.p_value < 0.001


def test_the_band_holds_calibrated_bins():
    inside = []
    for error_seed in range(200):
        random = np.random.default_rng(error_seed)
        confidence = random.uniform(0.3, 1.0, 2000)
        bins = bins_of(confidence, random.random(2000) < confidence)
        error = bins.error()
        filled = bins.weight > 0
        accuracy = bins.correct[filled] / bins.weight[filled]
        inside.append(np.mean((error.band_low[filled] <= accuracy) & (accuracy <= error.band_high[filled])))
    assert 0.93 < np.mean(inside) < 0.99


def test_no_rows_is_no_number():
    error = bins_of([], []).error()
    assert np.isnan(error.ece.value)
    assert error.ece.reason == "no rows"
