"""Class weights from counts, and probabilities from votes."""

import mpmath
import numpy as np
import pytest

import xent
from xent.errors import DtypeError, OptionError, ShapeError, TargetError


@pytest.mark.parametrize("beta", [0.9, 0.99, 0.999, 0.9999, 1 - 1e-12])
def test_class_balanced_weights_are_the_formula(beta):
    counts = [1, 2, 10, 500, 5000, 12_000_000]
    with mpmath.workdps(60):
        each = [(1 - mpmath.mpf(beta)) / (1 - mpmath.mpf(beta) ** n) for n in counts]
        expected = [float(len(counts) * value / sum(each)) for value in each]
    weights = xent.class_balanced_weights(counts, beta)
    np.testing.assert_allclose(weights, expected, rtol=1e-12)
    assert weights.sum() == pytest.approx(6, rel=1e-15)


def test_class_balanced_weights_of_the_paper():
    """Long-tailed CIFAR-10, β = 0.9999: effective numbers (1 - β^n)/(1 - β) of 5000 and of 500 images."""
    weights = xent.class_balanced_weights([5000, 500], 0.9999)
    assert weights[1] / weights[0] == pytest.approx(3934.84 / 487.71, rel=1e-4)


def test_class_balanced_weights_in_the_limits():
    counts = np.array([1.0, 10.0, 4.0])
    np.testing.assert_array_equal(xent.class_balanced_weights(counts, 0.0), [1.0, 1.0, 1.0])
    np.testing.assert_allclose(xent.class_balanced_weights(counts, 1.0), 3 / counts / (1 / counts).sum(), rtol=1e-15)
    np.testing.assert_array_equal(xent.class_balanced_weights([7], 0.5), [1.0])


@pytest.mark.parametrize(
    ("counts", "beta", "error", "message"),
    [
        ([1, 0, 2], 0.9, OptionError, "counts must be finite and above 0; got 0 for class 1"),
        ([1, np.nan], 0.9, OptionError, "counts must be finite and above 0; got nan for class 1"),
        ([[1, 2]], 0.9, ShapeError, r"counts must have shape \(K,\); got shape \(1, 2\)"),
        ([], 0.9, ShapeError, r"counts must have shape \(K,\); got shape \(0,\)"),
        (["a"], 0.9, DtypeError, "counts must be real numbers"),
        ([1, 2], 1.5, OptionError, r"beta must lie in \[0, 1\]; got 1.5"),
    ],
)
def test_counts_that_are_none(counts, beta, error, message):
    with pytest.raises(error, match=f"^class_balanced_weights: {message}"):
        xent.class_balanced_weights(counts, beta)


def test_votes_of_annotators_and_their_counts_are_one_target():
    votes = np.array([[0, 0, 2, -1], [1, 1, 1, 1], [-1, -5, 3, 0]])
    counts = [[2, 0, 1, 0], [0, 4, 0, 0], [1, 0, 0, 1]]
    expected = np.array([[2 / 3, 0, 1 / 3, 0], [0, 1, 0, 0], [0.5, 0, 0, 0.5]])
    np.testing.assert_allclose(xent.votes_to_probs(votes, n_classes=4), expected, rtol=1e-15)
    np.testing.assert_allclose(xent.votes_to_probs(counts), expected, rtol=1e-15)
    np.testing.assert_array_equal(xent.votes_to_probs(votes.astype(np.int8), n_classes=4), xent.votes_to_probs(counts))
    np.testing.assert_array_equal(xent.votes_to_probs(votes[0], n_classes=4), xent.votes_to_probs(counts[0]))
    np.testing.assert_array_equal(xent.votes_to_probs(votes[:, None], n_classes=4)[:, 0], xent.votes_to_probs(counts))


def test_votes_under_a_prior():
    counts = np.array([[2.0, 0, 1, 0], [0, 0, 0, 0]])
    np.testing.assert_allclose(xent.votes_to_probs(counts, prior=1), [[3 / 7, 1 / 7, 2 / 7, 1 / 7], [0.25] * 4])
    none = np.array([[-1, -1]])
    np.testing.assert_allclose(xent.votes_to_probs(none, n_classes=4, prior=0.5), [[0.25] * 4])


def test_the_loss_of_votes_is_the_mean_over_the_annotators():
    logits = np.random.default_rng(0).normal(size=(3, 4))
    votes = np.array([[0, 0, 2], [1, 3, 1], [2, 2, 2]])
    each = [xent.cross_entropy(logits, votes[:, annotator]) for annotator in range(3)]
    assert xent.cross_entropy(logits, xent.votes_to_probs(votes, n_classes=4)) == pytest.approx(
        np.mean(each), rel=1e-14
    )


@pytest.mark.parametrize(
    ("votes", "options", "error", "message"),
    [
        ([[0, 4]], {"n_classes": 4}, TargetError, r"votes must be below n_classes=4; got \[0, 4\] at row 0"),
        ([[0.0, 1.0]], {"n_classes": 4}, DtypeError, "votes must be integers where they are class indices"),
        ([[1, 2], [1, -1]], {}, TargetError, r"votes must be finite and not negative .*; got \[1, -1\] at row 1"),
        ([[1, 0], [0, 0]], {}, TargetError, "votes must hold at least one vote a row; got none at row 1"),
        ([[0], [-1]], {"n_classes": 2}, TargetError, "votes must hold at least one vote a row; got none at row 1"),
        (3, {}, ShapeError, "votes must have a last axis"),
        (np.zeros((3, 0), int), {"n_classes": 2}, ShapeError, "votes must have a last axis"),
        ([["a"]], {}, DtypeError, "votes must be real numbers"),
        ([[1, 2]], {"prior": -1}, OptionError, "prior must be a finite number ≥ 0"),
        ([[1, 2]], {"n_classes": 0}, OptionError, "n_classes must be an integer ≥ 1; got 0"),
    ],
)
def test_votes_that_are_none(votes, options, error, message):
    with pytest.raises(error, match=f"^votes_to_probs: {message}"):
        xent.votes_to_probs(votes, **options)


@pytest.mark.parametrize("axis", [1, 0])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("n_classes", [1, 7, 1023, 1024, 1025, 5000, 100_000])
def test_a_distribution_is_told_from_what_is_none(n_classes, dtype, axis):
    """Whatever its length and its layout, and however little one entry is wrong."""
    probs = np.random.default_rng(n_classes).uniform(0.5, 1.5, (3, n_classes))
    probs = (probs / probs.sum(axis=1, keepdims=True)).astype(dtype)
    exact = probs.astype(np.float64)
    unit = 2e-2 if dtype == np.float16 else 2e-5
    logits = np.zeros((3, n_classes))

    def loss(target):
        oriented = (np.moveaxis(each, 1, axis) for each in (logits, target))
        return xent.cross_entropy(*map(np.ascontiguousarray, oriented), axis=axis, reduction="sum")

    assert loss(probs) == pytest.approx(exact.sum() * np.log(n_classes), rel=1e-6)
    for k in {0, n_classes // 2, n_classes - 1}:
        wrong = probs.copy()
        wrong[1, k] += unit
        with pytest.raises(TargetError, match=r"got a sum of 1\.\d+ at row 1 \(1 such rows\)"):
            loss(wrong)
        wrong[1, k] = -1e-4
        with pytest.raises(TargetError, match=r"got -0\.0001\d* at row 1 \(1 such rows\)"):
            loss(wrong)
        wrong[1, k] = np.nan
        with pytest.raises(TargetError, match=r"got nan at row 1 \(1 such rows\)"):
            loss(wrong)
