"""What is claimed of intervals, p-values and bias, over 2000 samples each.

A share of .95 of 2000 has a standard error of .0049; bounds are three of them off, so .935, and .065 for .05. The
intervals here rest on 200 simulations instead of 2000, for time: their ends scatter more, their means do not move.
"""

import math

import numpy as np
import pytest
from scipy.stats import binom

from xent.calibration import ConfidenceBins, calibration_error, ece, metrics

REPEATS = 2000
LEAST, MOST = 0.935, 0.065


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(metrics, "_DRAWS", 200)


def binned_truth(confidence, truth, n_bins=15, strategy="width"):
    """The binned error of rows that are right with probability truth: each once right and once wrong, weighted."""
    right = np.repeat([1, 0], len(confidence))
    twice, weight = np.concatenate([confidence, confidence]), np.concatenate([truth, 1 - truth])
    return ece(right, twice, kind="binary", n_bins=n_bins, strategy=strategy, sample_weight=weight)


def samples(truth, n, strategy="width", repeats=REPEATS):
    """Samples of a model with confidence U(.3, 1) of which truth(confidence) are right."""
    random = np.random.default_rng(n)
    for seed in range(repeats):
        confidence = random.uniform(0.3, 1.0, n)
        right = random.random(n) < truth(confidence)
        yield calibration_error(right, confidence, kind="binary", strategy=strategy, seed=seed)


@pytest.mark.parametrize(("n", "strategy"), [(100, "width"), (300, "mass"), (3000, "width")])
def test_a_perfect_model_is_not_accused(few, n, strategy):
    errors = list(samples(lambda c: c, n, strategy))
    # The plug-in ECE of a perfect model is far from 0; its interval must hold the truth, 0, all the same.
    assert np.mean([e.ece.low == 0.0 for e in errors]) >= LEAST
    for level in (0.05, 0.2):
        most = level + 3 * math.sqrt(level * (1 - level) / REPEATS)
        assert np.mean([e.p_value <= level for e in errors]) <= most
    assert np.mean([e.ece.value <= e.null_95 for e in errors]) >= LEAST
    # 2 - √2 of the bias stays, and what is cut at 0.
    left = np.mean([e.debiased for e in errors]) / np.mean([e.ece.value for e in errors])
    assert 0.5 < left < 0.65
    # And the p-value is not idle: it is uniform but for what unequal rows in a bin hide.
    assert np.mean([e.p_value <= 0.2 for e in errors]) >= 0.15


def test_the_plain_number_of_a_perfect_model():
    random = np.random.default_rng(0)
    confidence = random.uniform(0.3, 1.0, (REPEATS, 300))
    right = random.random(confidence.shape) < confidence
    found = [ece(y, p, kind="binary") for y, p in zip(right, confidence, strict=True)]
    assert np.mean(found) == pytest.approx(0.0634, abs=0.001)  # as the docstring of ece says
    # Σ_b √(2 n_b v_b / π) / n, the normal approximation of its mean
    one = calibration_error(right[0], confidence[0], kind="binary")
    held = one.weight > 0
    v = one.confidence[held] * (1 - one.confidence[held])
    assert np.mean(found) == pytest.approx(np.sqrt(2 * one.weight[held] * v / np.pi).sum() / 300, rel=0.05)


TRUTHS = {"shift": lambda c: c - 0.1, "square": lambda c: c**2, "flat": lambda c: 0.65 + 0 * c}


@pytest.mark.parametrize(
    ("truth", "n", "strategy"),
    [*((truth, 1000, "width") for truth in TRUTHS), ("square", 100, "width"), ("square", 1000, "mass")],
)
def test_the_interval_covers(few, truth, n, strategy):
    grid = np.linspace(0.3, 1.0, 70_001)
    exact = binned_truth(grid, TRUTHS[truth](grid), strategy=strategy)
    errors = list(samples(TRUTHS[truth], n, strategy))
    assert np.mean([e.ece.low <= exact <= e.ece.high for e in errors]) >= LEAST
    if n == 1000 and truth != "flat":
        assert np.mean([e.ece.low > 0 for e in errors]) > 0.8  # and it is narrow enough to say something
        assert abs(np.mean([e.debiased for e in errors]) - exact) < 0.006


@pytest.mark.parametrize(("gap", "left"), [(0.0, 0.4674), (0.723, 0.0), (1.403, -0.0935), (3.239, -0.01), (5.0, 0.0)])
def test_the_bias_that_stays(gap, left):
    # In standard errors of a bin, with X ~ N(gap, 1): E 2|X| - E|N(X, 1)| - gap, by scipy's foldnorm. A second bin of
    # gap .9, without bias, keeps the whole above 0; binomial probabilities give the mean exactly.
    n, deviation = 10_000, 0.005
    rate = 0.5 + gap * deviation
    rights = np.arange(int(n * (rate - 6 * deviation)), int(n * (rate + 6 * deviation)))
    bins = (ConfidenceBins(np.array([[n, n], [n, n], [0.5 * n, 0.9 * n], [k, 0]], float)) for k in rights)
    found = binom.pmf(rights, n, rate) @ [2 * (each.ece_debiased() - 0.45) for each in bins]
    assert (found - gap * deviation) / deviation == pytest.approx(left, abs=0.002)


def test_a_naive_bootstrap_excludes_the_truth_and_this_does_not(few):
    random = np.random.default_rng(5)
    naive, ours = [], []
    for seed in range(200):
        p = random.uniform(0.3, 1.0, 300)
        y = random.random(300) < p
        index = ConfidenceBins.index(p, 15)
        again = random.integers(0, 300, (200, 300))
        cell = index[again] + 15 * np.arange(200)[:, None]
        gaps = np.bincount(cell.reshape(-1), (y - p)[again].reshape(-1), 3000).reshape(200, 15)
        naive.append(np.quantile(np.abs(gaps).sum(axis=1) / 300, 0.025) <= 0.0)
        ours.append(calibration_error(y, p, kind="binary", seed=seed).ece.low <= 0.0)
    assert np.mean(naive) == 0.0
    assert np.mean(ours) > 0.9


@pytest.mark.parametrize("n", [60, 300])
def test_the_square_is_without_bias(n):
    # p ~ U(0,1), P(Y=1) = p²; 15 bins see 1/30 less what they hide.
    edge = np.arange(16) / 15
    of_bins = np.mean((np.diff(edge**2 / 2 - edge**3 / 3) * 15) ** 2)
    random = np.random.default_rng(n)
    plain, debiased = [], []
    for _ in range(REPEATS):
        p = random.random(n)
        y = random.random(n) < p**2
        index = ConfidenceBins.index(p, 15)
        ones = np.bincount(index, minlength=15)
        bins = ConfidenceBins(np.array([ones, ones, np.bincount(index, p, 15), np.bincount(index, y, 15)]))
        # Given the probabilities, the target is the square of their own mean gap.
        gap = np.bincount(index, p - p**2, 15) / np.maximum(ones, 1)
        target = (ones / n * gap**2).sum()
        plain.append(bins.squared() - target)
        debiased.append(bins.squared_debiased() - target)
    error = np.std(debiased) / math.sqrt(REPEATS)
    # Within a bin p² spreads by some .06: over n_b rows that is little of 1/30. Single rows take the calibrated
    # variance, which is not theirs here.
    assert abs(np.mean(debiased)) < 3 * error + (0.002 if n == 60 else 1e-4)
    assert np.mean(plain) > 30 * error
    if n == 300:
        assert np.mean(debiased) + of_bins == pytest.approx(1 / 30, abs=0.002)
