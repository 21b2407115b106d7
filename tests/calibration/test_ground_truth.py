"""What peers got wrong, and the closed forms of the brief, by the functions that a user calls for them."""

import numpy as np
import pytest

from xent.calibration import CalibrationError, TemperatureScaling, ece, fit_temperature, from_probs, smooth_ece
from xent.decisions import ood


def test_the_area_under_the_curve_of_squared_probabilities():
    """p ~ U(0, 1), P(Y=1) = p²: p has the density 3p² where Y is 1 and 3(1 - p²)/2 where it is 0, so AUC = 7/8."""
    random = np.random.default_rng(0)
    p = random.random(400_000)
    y = random.random(len(p)) < p**2
    found = ood.evaluate(p[y], p[~y]).auroc
    assert found.value == pytest.approx(7 / 8, abs=4 * 0.0006)  # a standard error is .00055
    assert found.low < 7 / 8 < found.high


def test_what_a_batch_looks_like_does_not_decide_what_it_is():
    """torchmetrics applies softmax to a batch only if a number lies outside [0, 1]: logits in [0, 1] are taken as they
    are in one batch and turned in the next. Here each batch adds what its softmax says."""
    logits = np.array([[0.9, 0.1], [0.2, 0.8], [3.0, -1.0], [0.3, 0.7]])
    y = np.array([0, 1, 1, 0])
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    whole = CalibrationError(n_bins=10).update(y, probs).compute().ece.value
    batches = CalibrationError(n_bins=10)
    for row in range(4):
        batches.update_logits(y[[row]], logits[[row]])
    assert batches.compute().ece.value == pytest.approx(whole, abs=1e-15)
    assert ece(y, probs, n_bins=10) == whole


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_probabilities_are_logits_only_where_that_is_said(dtype):
    """A calibrator given numbers in [0, 1] whose rows sum to 1 scales them as the logits that they were said to be."""
    random = np.random.default_rng(1)
    z = 6.0 * random.normal(size=(3000, 4))
    y = (z / 2.0 + random.gumbel(size=z.shape)).argmax(axis=1)
    probs = np.exp(z - z.max(axis=1, keepdims=True))
    probs = (probs / probs.sum(axis=1, keepdims=True)).astype(dtype)
    taken = TemperatureScaling().fit(probs, y).temperature_
    assert taken == pytest.approx(fit_temperature(np.float64(probs), y).temperature, rel=1e-6)
    assert taken < 0.5  # they are narrow for logits
    said = TemperatureScaling().fit(from_probs(probs, floor=1e-7), y).temperature_
    assert said == pytest.approx(2.0, rel=0.1)


def test_mass_at_the_boundary_and_the_mean_gap():
    """Half the rows at 1.0, all right; half at 0.5, 70 % right: .1, and never more than E|conf - acc|."""
    p = np.repeat([1.0, 0.5], 500)
    y = np.concatenate([np.ones(500), np.arange(500) < 350]).astype(int)
    assert smooth_ece(y, p).smooth_ece.value == pytest.approx(0.1, abs=1e-9)
    for bandwidth in (1e-4, 0.01, 0.1, 1.0):
        assert smooth_ece(y, p, bandwidth=bandwidth).smooth_ece.value <= 0.1 + 1e-9
