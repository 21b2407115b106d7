"""What is claimed of the classwise interval and p-value, whose classes depend on one another.

Of two classes it is the binary error's, see test_ece_by_simulation.py. Bounds are three standard errors off; the
simulations behind each interval are 200 instead of 2000, for time.
"""

import math

import numpy as np
import pytest

from xent.calibration import calibration_error, ece, metrics

REPEATS = 2000


@pytest.fixture
def few_draws(monkeypatch):
    monkeypatch.setattr(metrics, "_DRAWS", 200)


def binned_truth(stated, truth):
    """The binned error of rows that are of a class with probability truth: each once so, once not, weighted."""
    own = np.repeat([1, 0], len(stated))
    twice, weight = np.concatenate([stated, stated]), np.concatenate([truth, 1 - truth])
    return ece(own, twice, kind="binary", n_bins=10, sample_weight=weight)


def classwise_samples(k, n, distort, repeats=REPEATS):
    """Samples of n rows of k classes that have the probabilities distort(p) but state p."""
    random = np.random.default_rng(k)
    for seed in range(repeats):
        p = random.dirichlet(np.full(k, 0.5), n)
        q = distort(p)
        q /= q.sum(axis=1, keepdims=True)
        y = np.minimum((random.random((n, 1)) > np.cumsum(q, axis=1)).sum(axis=1), k - 1)
        yield q, p, calibration_error(y, p, kind="classwise", n_bins=10, seed=seed)


@pytest.mark.parametrize(("k", "n", "repeats"), [(3, 200, REPEATS), (20, 300, 400)])
def test_classes_that_are_calibrated_are_not_accused(few_draws, k, n, repeats):
    errors = [e for _, _, e in classwise_samples(k, n, lambda p: p, repeats)]
    for level in (0.05, 0.2):
        most = level + 3 * math.sqrt(level * (1 - level) / repeats)
        assert np.mean([e.p_value <= level for e in errors]) <= most
    assert np.mean([e.ece.low == 0.0 for e in errors]) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / repeats)
    assert np.mean([e.ece.value <= e.null_95 for e in errors]) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / repeats)


@pytest.mark.parametrize(("k", "n", "repeats"), [(3, 300, REPEATS), (20, 1000, 200)])
def test_the_classwise_interval_covers(few_draws, k, n, repeats):
    covered, seen = [], []
    for q, p, found in classwise_samples(k, n, lambda p: np.sqrt(p), repeats):
        exact = np.mean([binned_truth(p[:, j], q[:, j]) for j in range(k)])
        covered.append(found.ece.low <= exact <= found.ece.high)
        seen.append(found.p_value < 0.01)
    assert np.mean(covered) >= 0.95 - 3 * math.sqrt(0.95 * 0.05 / repeats)
    assert np.mean(seen) > 0.9  # a softmax twice too sharp is seen
