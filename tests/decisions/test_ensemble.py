"""Ensembles against mpmath, closed forms and scipy."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from scipy.stats import entropy

from xent import DtypeError, ShapeError
from xent.decisions import ensemble

ALL = ensemble.__all__
WIDE = ("mean_probs", "log_mean_probs", "mean_logits", "vote_share")

#: (members, rows, classes): confident rows, near-equal members, classes ruled out, opposed members.
HARD = np.array(
    [
        [[40.0, 0.0, 1.0], [70.0, 1.0, 0.0], [1.0, 1.0, 1.0], [3.0, -np.inf, 1.0], [900.0, 0.0, 0.0], [2.0, 1.0, 0.0]],
        [[42.0, 1.0, 0.0], [75.0, 1.0, 2.0], [1.0, 1.0, 1.0], [1.0, 2.0, -np.inf], [0.0, 900.0, 0.0], [2.0, 1.0, 1e-9]],
        [[41.0, 3.0, 0.0], [71.0, 1.0, 1.0], [1.0, 1.0, 1.0], [2.0, 2.0, 0.0], [0.0, 0.0, 900.0], [2.0, 1.0, 2e-9]],
    ]
)


def exact(z):
    """Return for one row the members' and the mean distributions, to 1000 digits."""
    mpmath.mp.dps = 1000
    members = []
    for row in z:
        exps = [mpmath.exp(mpmath.mpf(float(x))) if x > -np.inf else mpmath.mpf(0) for x in row]
        members.append([e / sum(exps) for e in exps])
    return members, [sum(column) / len(members) for column in zip(*members, strict=True)]


def shannon(p):
    return -sum(x * mpmath.log(x) for x in p if x > 0)


def oracle(name, z):
    members, mean = exact(z)
    if name == "mean_probs":
        return mean
    if name == "log_mean_probs":
        return [mpmath.log(x) if x > 0 else -mpmath.inf for x in mean]
    if name == "mean_logits":
        products = [mpmath.fprod(column) ** (mpmath.mpf(1) / len(members)) for column in zip(*members, strict=True)]
        return [mpmath.log(x / sum(products)) if x > 0 else -mpmath.inf for x in products]
    expected = sum(shannon(p) for p in members) / len(members)
    return {
        "predictive_entropy": shannon(mean),
        "expected_entropy": expected,
        "mutual_information": shannon(mean) - expected,
    }[name]


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("vote_share", "disagreement")])
def test_exact_where_members_are_confident_or_of_one_mind(name):
    """To 1e-12 of 1000-digit arithmetic, relative: entropies of 1e-17, log-probabilities of -1e-30.

    Members 1e-9 apart have a mutual information of 1e-19, in which rounding of their probabilities leaves 7 digits.
    """
    found = getattr(ensemble, name)(HARD)
    for row, each in enumerate(found):
        expected = np.array(oracle(name, HARD[:, row]), dtype=object)
        rel = 1e-6 if name == "mutual_information" and row == 5 else 1e-12
        np.testing.assert_allclose(each, expected.astype(float), rtol=rel, atol=1e-300, err_msg=f"row {row}")


@given(st.integers(1, 6), st.integers(1, 7), st.integers(0, 10_000), st.floats(0.01, 30.0))
def test_the_parts_add_up(members, k, seed, size):
    z = np.random.default_rng(seed).normal(size=(members, 9, k)) * size
    total, expected = ensemble.predictive_entropy(z), ensemble.expected_entropy(z)
    information = ensemble.mutual_information(z)
    np.testing.assert_allclose(total, expected + information, rtol=1e-10, atol=1e-14)
    assert (information >= 0).all()
    assert (expected >= 0).all()
    assert (information <= math.log(min(members, k)) + 1e-12).all()
    np.testing.assert_allclose(total, entropy(softmax(z, axis=2).mean(axis=0), axis=1), rtol=1e-9, atol=1e-13)
    np.testing.assert_allclose(np.exp(ensemble.log_mean_probs(z)), ensemble.mean_probs(z), rtol=1e-12, atol=1e-300)
    np.testing.assert_allclose(ensemble.mean_logits(z), log_softmax(z.mean(axis=0), axis=1), rtol=1e-9, atol=1e-12)


def test_members_of_one_mind_have_no_mutual_information():
    z = np.random.default_rng(0).normal(size=(1, 50, 6)) * 10
    assert (ensemble.mutual_information(z) == 0).all()
    assert (ensemble.mutual_information(np.repeat(z, 4, axis=0)) < 1e-15).all()
    np.testing.assert_allclose(ensemble.mean_probs(z), softmax(z[0], axis=1), rtol=1e-13)


def test_opposed_members():
    """M members sure of M different classes: log M of mutual information, and no two agree."""
    for count in (2, 5):
        z = np.where(np.eye(count, dtype=bool), 2000.0, 0.0)[:, None, :]
        assert ensemble.mutual_information(z)[0] == pytest.approx(math.log(count), rel=1e-14)
        assert ensemble.expected_entropy(z)[0] == 0.0
        assert ensemble.disagreement(z)[0] == 1.0


def test_votes_and_pairs_by_counting():
    z = np.random.default_rng(0).normal(size=(7, 200, 4))
    predicted = z.argmax(axis=2)
    share = np.stack([(predicted == k).mean(axis=0) for k in range(4)], axis=1)
    np.testing.assert_allclose(ensemble.vote_share(z), share, rtol=1e-15)
    pairs = [predicted[i] != predicted[j] for i in range(7) for j in range(i)]
    np.testing.assert_allclose(ensemble.disagreement(z), np.mean(pairs, axis=0), rtol=1e-14)
    assert ensemble.vote_share([[[1.0, 1.0]]]).tolist() == [[1.0, 0.0]]  # the first of equals


def test_one_member_cannot_rule_out_in_a_mixture_but_can_in_a_product():
    z = [[[0.0, -np.inf]], [[0.0, 0.0]]]
    assert ensemble.mean_probs(z).tolist() == [[0.75, 0.25]]
    assert ensemble.mean_logits(z).tolist() == [[0.0, -np.inf]]
    nothing = ensemble.mean_logits([[[0.0, -np.inf]], [[-np.inf, 0.0]]])
    assert np.isnan(nothing).all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("bad", [[np.nan, 0.0, 0.0], [np.inf, 0.0, 0.0], [-np.inf] * 3])
def test_a_broken_member_breaks_the_row_alone(name, bad):
    z = np.random.default_rng(0).normal(size=(3, 4, 3))
    whole = getattr(ensemble, name)(z)
    z[1, 2] = bad
    found = getattr(ensemble, name)(z)
    assert np.isnan(found[2]).all()
    np.testing.assert_array_equal(np.delete(found, 2, axis=0), np.delete(whole, 2, axis=0))


@pytest.mark.parametrize("name", ALL)
def test_lists_dtypes_and_pieces(name):
    function = getattr(ensemble, name)
    z = np.random.default_rng(0).normal(size=(3, 20_000, 6)).astype(np.float32) * 4
    found = function(z)
    assert found.dtype == np.float64
    assert found.shape == ((20_000, 6) if name in WIDE else (20_000,))
    np.testing.assert_array_equal(function([z[0].astype(np.float64), z[1], z[2]]), found)
    np.testing.assert_array_equal(function(z[:, ::500]), found[::500])
    np.testing.assert_array_equal(function(z.astype(np.float64)), found)  # float32 is not computed in float32
    assert function(z[:, :0]).shape == ((0, 6) if name in WIDE else (0,))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("logits", "got"),
    [
        ([], "no member"),
        (np.empty((0, 2, 3)), "no member"),
        ([[1.0, 2.0]], "members of shapes (2,)"),
        (3.0, "members of shapes ()"),
        ([np.zeros((2, 3)), np.zeros((2, 4))], "members of shapes (2, 3), (2, 4)"),
        (np.zeros((2, 3, 0)), "members of shapes (3, 0)"),
    ],
)
def test_shapes_are_checked(name, logits, got):
    with pytest.raises(ShapeError) as caught:
        getattr(ensemble, name)(logits)
    expected = "logits must have shape (members, rows, classes), or be a list of arrays (rows, classes)"
    assert str(caught.value).startswith(f"{name}: {expected}; got {got}\n")


def test_other_refusals():
    with pytest.raises(ShapeError, match="disagreement: logits must hold at least two members; got 1"):
        ensemble.disagreement(np.zeros((1, 2, 3)))
    with pytest.raises(DtypeError, match="mean_probs: logits must be real numbers"):
        ensemble.mean_probs([[["a"]]])
