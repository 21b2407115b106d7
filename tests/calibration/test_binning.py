"""Histogram binning: counts by hand, bins without rows, edges."""

import math

import numpy as np
import pytest
from scipy.special import expit

from xent import OptionError
from xent.calibration import from_probs
from xent.calibration.binning import HistogramBinning


def probability(n1, n, share):
    return (n1 + 2 * share) / (n + 2)


def test_equal_width_by_hand():
    p = np.array([0.0, 0.1, 0.24, 0.25, 0.3, 0.6, 0.75, 0.9, 1.0])
    y = np.array([0, 0, 1, 0, 1, 1, 1, 0, 1])
    calibrator = HistogramBinning(4, strategy="width").fit(from_probs(p), y)
    share = (5 + 1) / (9 + 2)
    expected = [probability(1, 3, share), probability(1, 2, share), probability(1, 1, share), probability(2, 3, share)]
    new = [0.0, 0.2499, 0.25, 0.4999, 0.5, 0.7499, 0.75, 1.0]  # an edge belongs to the bin above, 1.0 to the last
    found = calibrator.predict_proba(from_probs(new))[:, 1]
    np.testing.assert_allclose(found, np.repeat(expected, 2), rtol=1e-12)


def test_bins_without_rows_lie_between_their_neighbours():
    p, y = np.array([0.05] * 8 + [0.45] * 8), np.array([0] * 7 + [1] + [1] * 6 + [0] * 2)
    g = HistogramBinning(10, strategy="width").fit(from_probs(p), y).transform(from_probs(np.arange(10) / 10 + 0.05))
    low, high = (np.log(p / (1 - p)) for p in (probability(1, 8, 8 / 18), probability(6, 8, 8 / 18)))
    np.testing.assert_allclose(g[:5], np.linspace(low, high, 5), rtol=1e-12)
    np.testing.assert_allclose(g[5:], high, rtol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_equal_mass_holds_equal_weight(weighted):
    random = np.random.default_rng(0)
    m = random.normal(size=3000) * 3
    weight = random.exponential(size=3000) if weighted else np.ones(3000)
    edges = HistogramBinning(12, strategy="mass").fit(m, (m > 0).astype(int), weight).curves_[0]["edges"]
    assert len(edges) == 11
    share = np.bincount(np.searchsorted(edges, m, side="right"), weight) / weight.sum()
    np.testing.assert_allclose(share, 1 / 12, atol=weight.max() / weight.sum())


def test_equal_scores_share_a_bin():
    m = np.array([0.0] * 50 + [1.0] * 3 + [2.0] * 47)
    y = np.array([0] * 40 + [1] * 10 + [1] * 3 + [1] * 40 + [0] * 7)
    calibrator = HistogramBinning(10, strategy="mass").fit(m, y)
    share = 54 / 102
    found = calibrator.predict_proba([-1.0, 0.0, 0.9, 1.0, 2.0, 9.0])[:, 1]
    # The first cut falls into the score 0, the next at 0.6 of the weight into the score 2, after 0.53.
    np.testing.assert_allclose(found, np.repeat([probability(10, 50, share), probability(43, 50, share)], 3))


def test_one_bin_and_more_bins_than_scores():
    m, y = [0.0, 1.0, 2.0], [0, 1, 1]
    np.testing.assert_allclose(HistogramBinning(1).fit(m, y).predict_proba([7.0])[:, 1], (2 + 2 * 3 / 5) / 5)
    p = HistogramBinning(50, strategy="mass").fit(m, y).predict_proba(m)[:, 1]
    np.testing.assert_allclose(p, [probability(k, 1, 3 / 5) for k in y])


def test_bins_are_calibrated_on_new_rows():
    """Each bin of 2000 rows: its probability within 4 standard errors of the truth's mean over 60 000 new rows."""
    random = np.random.default_rng(1)
    m, new = random.normal(size=20_000) * 3, random.normal(size=60_000) * 3
    p = (
        HistogramBinning(10, strategy="mass")
        .fit(m, (random.random(20_000) < expit(m / 2)).astype(int))
        .predict_proba(new)[:, 1]
    )
    for each in np.unique(p):
        truth = expit(new[p == each] / 2).mean()
        assert abs(each - truth) < 4 * np.sqrt(truth * (1 - truth) / 2000) + 0.002


@pytest.mark.parametrize("label", [0, 1])
def test_weights_beyond_what_a_float_counts_leave_no_infinity(label):
    """(n + 2π)/(n + 2) rounds to 1 for n ≥ 2^53; the odds are (n + 2π) / (2 - 2π), π = (n + 1)/(n + 2)."""
    calibrator = HistogramBinning(1).fit([-1.0, 1.0], [label, label], [2e20, 2e20])
    expected = math.log(4e20) - math.log(2 / 4e20)
    assert calibrator.transform([0.0])[0] == pytest.approx(expected if label else -expected, rel=1e-12)


def test_refusals():
    for bad in (0, 2.5, "ten"):
        with pytest.raises(OptionError, match=rf"HistogramBinning.fit: n_bins must be an integer ≥ 1; got {bad!r}"):
            HistogramBinning(bad).fit([0.0, 1.0], [0, 1])
    with pytest.raises(OptionError, match="strategy must be 'width' or 'mass'; got 'quantile'\n\nhint: 'mass'"):
        HistogramBinning(strategy="quantile").fit([0.0, 1.0], [0, 1])
