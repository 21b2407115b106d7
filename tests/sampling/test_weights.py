"""Weights of rows against the papers' formulas, and class shares against draws."""

import re

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

import xent
from xent import DtypeError, OptionError, ShapeError, TargetError
from xent.sampling import sampled_prior, sampler_weights

TARGET = np.repeat([0, 1, 2], [900, 90, 10])
COUNTS = np.array([900, 90, 10])


def class_draws(**options):
    """Return by how much more often a row of each class is drawn than one of class 0."""
    weights = sampler_weights(TARGET, **options)
    assert weights.dtype == np.float64
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    each = [np.unique(weights[k == TARGET]) for k in range(3)]
    assert [len(values) for values in each] == [1, 1, 1]
    return np.concatenate(each) / each[0]


def test_balanced():
    np.testing.assert_allclose(class_draws(), 900 / COUNTS, rtol=1e-12)
    np.testing.assert_allclose(sampled_prior(TARGET, sampler_weights(TARGET)), 1 / 3, rtol=1e-12)


@pytest.mark.parametrize("beta", [0.9, 0.999, 1 - 1e-9])
def test_effective_number(beta):
    with mpmath.workdps(40):
        b = mpmath.mpf(beta)
        expected = [float((1 - b**900) / (1 - b**n)) for n in COUNTS.tolist()]
    np.testing.assert_allclose(class_draws(method="effective", beta=beta), expected, rtol=1e-7)
    weights = xent.class_balanced_weights(COUNTS, beta)
    np.testing.assert_allclose(class_draws(method="effective", beta=beta), weights / weights[0], rtol=1e-12)


def test_power_and_its_ends():
    np.testing.assert_allclose(class_draws(method="power"), np.sqrt(900 / COUNTS), rtol=1e-12)
    np.testing.assert_allclose(class_draws(method="power", power=1.0), class_draws(), rtol=1e-12)
    np.testing.assert_allclose(class_draws(method="effective", beta=1.0), class_draws(), rtol=1e-12)
    for nothing in ({"method": "power", "power": 0.0}, {"method": "effective", "beta": 0.0}):
        np.testing.assert_allclose(class_draws(**nothing), 1.0, rtol=1e-12)


def test_repeat_factors():
    """LVIS: r_k = max(1, sqrt(t / f_k)); f = .9, .09, .01."""
    np.testing.assert_allclose(class_draws(method="repeat", threshold=0.04), [1.0, 1.0, 2.0], rtol=1e-12)
    np.testing.assert_allclose(class_draws(method="repeat", threshold=0.36), [1.0, 2.0, 6.0], rtol=1e-12)
    assert (class_draws(method="repeat", threshold=0.0) == 1.0).all()


def test_repeat_factors_of_several_labels_are_those_of_the_rarest():
    labels = np.zeros((100, 3), dtype=bool)
    labels[:64, 0] = labels[60:64, 1] = True  # f = .64, .04, 0; the last 36 rows have no label
    weights = sampler_weights(labels, method="repeat", threshold=0.16)
    np.testing.assert_allclose(weights[60:64] / weights[0], 2.0, rtol=1e-12)
    np.testing.assert_allclose(np.delete(weights, np.s_[60:64]), weights[0], rtol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5)), min_size=1, max_size=30))
@pytest.mark.parametrize("method", ["balanced", "effective", "power", "repeat"])
def test_a_weight_is_a_row_repeated(method, rows):
    target, repeat = np.array(rows).T
    if not repeat.any():
        return
    options = {"method": method, "threshold": 0.5, "beta": 0.9}
    weights = sampler_weights(target, sample_weight=repeat, **options)
    repeated = sampler_weights(np.repeat(target, repeat), **options)
    starts = np.repeat(np.arange(len(target)), repeat)
    np.testing.assert_allclose(weights, np.bincount(starts, repeated, len(target)), rtol=1e-9)


def test_ignored_rows_are_never_drawn_and_never_count():
    weights = sampler_weights([0, 0, 1, -100], n_classes=5)
    np.testing.assert_allclose(weights, [0.25, 0.25, 0.5, 0.0])
    np.testing.assert_allclose(sampled_prior([0, 0, 1, -100], n_classes=4), [2 / 3, 1 / 3, 0.0, 0.0])


def test_drawn_rows_have_the_shares_that_are_said():
    """200,000 draws: the share of a class is within 5 standard errors, 5 sqrt(q (1 - q) / 200000) ≤ 0.0056."""
    n = 200_000
    for method in ("balanced", "effective", "power", "repeat"):
        weights = sampler_weights(TARGET, method=method, threshold=0.1)
        q = sampled_prior(TARGET, weights)
        for rows in (
            np.random.default_rng(1).choice(len(TARGET), n, p=weights),
            np.array(
                list(
                    torch.utils.data.WeightedRandomSampler(
                        weights.tolist(), n, generator=torch.Generator().manual_seed(1)
                    )
                )
            ),
        ):
            seen = np.bincount(TARGET[rows], minlength=3) / n
            assert (np.abs(seen - q) <= 5 * np.sqrt(q * (1 - q) / n)).all()


def test_the_prior_of_the_draws_undoes_them():
    """The posterior under q, which draws teach, is the loss's, of natural log-probabilities with prior q / π."""
    random = np.random.default_rng(0)
    likelihood = random.normal(size=(50, 3))
    q, pi = sampled_prior(TARGET, sampler_weights(TARGET, method="power")), sampled_prior(TARGET)
    target = random.integers(0, 3, 50)
    natural = log_softmax(likelihood + np.log(pi), axis=1)
    taught = -log_softmax(likelihood + np.log(q), axis=1)[np.arange(50), target]
    np.testing.assert_allclose(xent.cross_entropy(natural, target, prior=q / pi, reduction="none"), taught, rtol=1e-10)


def test_huge_and_tiny_weights_neither_overflow_nor_vanish():
    for scale in (1e308, 1e-300):
        np.testing.assert_allclose(sampler_weights([0, 1], sample_weight=[scale, scale], method="power"), 0.5)


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (([],), {}, TargetError, "target must have a row that can be drawn; got 0 rows, none of a weight above 0"),
        (([-100],), {}, TargetError, "target must have a row that can be drawn; got 1 rows"),
        (([0, 3],), {"n_classes": 3}, TargetError, "target must lie in [0, 2] or be ignore_index=-100; got 3 at row 1"),
        (([0, -1],), {}, TargetError, "got -1 at row 1"),
        (([0.5],), {}, DtypeError, "target must be integers, the class indices; got dtype float64"),
        (([[0]],), {}, ShapeError, "target must have shape (rows,); got shape (1, 1)"),
        (([0],), {"n_classes": 0}, OptionError, "n_classes must be an integer ≥ 1; got 0"),
        (([0],), {"method": "smote"}, OptionError, "method must be 'balanced', 'effective', 'power' or 'repeat'"),
        (([0],), {"beta": 1.5}, OptionError, "beta must lie in [0, 1]; got 1.5"),
        (([0],), {"power": -1.0}, OptionError, "power must lie in [0, 1]; got -1.0"),
        (([0],), {"threshold": 2.0}, OptionError, "threshold must lie in [0, 1]; got 2.0"),
        (([0],), {"sample_weight": [-1.0]}, OptionError, "sample_weight must be finite and not negative; got -1"),
        (([0, 1],), {"sample_weight": [1.0, 2.0, 3.0]}, ShapeError, "sample_weight must have shape (2,)"),
    ],
)
def test_refusals(arguments, options, error, message):
    with pytest.raises(error, match=re.escape("sampler_weights: ")) as caught:
        sampler_weights(*arguments, **options)
    assert message in str(caught.value)


def test_refusals_of_the_prior():
    with pytest.raises(TargetError, match="sampled_prior: target must have a row that can be drawn; got 2 rows"):
        sampled_prior([0, 1], [0.0, 0.0])
    with pytest.raises(ShapeError, match=re.escape("sampled_prior: weights must have shape (2,)")):
        sampled_prior([0, 1], [1.0, 1.0, 1.0])
