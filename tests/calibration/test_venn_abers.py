"""Venn-Abers against isotonic regression refitted for every row, a peer, closed forms, and its guarantee."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression

from xent import OptionError, ShapeError
from xent.calibration._one_vs_rest import log_odds_of
from xent.calibration.venn_abers import VennAbers, _with_a_one


def refitted(m, y, score, label, weight=None):
    """The isotonic value at a score, of the rows and one further row: min over ends of max over starts of means."""
    x = np.append(m, score)
    weight = np.append(np.ones(len(m)) if weight is None else weight, 1.0)
    index = np.unique(x, return_inverse=True)[1]
    ones = np.append(0.0, np.cumsum(np.bincount(index, weight * np.append(y, label))))
    size = np.append(0.0, np.cumsum(np.bincount(index, weight)))
    at = int(index[-1])
    means = (ones[None, at + 1 :] - ones[: at + 1, None]) / (size[None, at + 1 :] - size[: at + 1, None])
    return means.max(axis=0).min()


def check(m, y, new, weight=None):
    p0, p1 = VennAbers().fit(m, y, weight).predict_interval(new)
    np.testing.assert_allclose(p0, [refitted(m, y, each, 0, weight) for each in new], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(p1, [refitted(m, y, each, 1, weight) for each in new], rtol=1e-12, atol=1e-12)


def test_the_reference_is_scikit_learns():
    m, y = np.array([0.0, 1.0, 1.0, 2.0, 3.0, 5.0]), np.array([0, 1, 0, 0, 1, 1])
    for score, label in itertools.product([-1.0, 0.5, 1.0, 2.0, 4.0, 6.0], [0, 1]):
        model = IsotonicRegression().fit(np.append(m, score), np.append(y, label))
        assert refitted(m, y, score, label) == pytest.approx(model.predict([score])[0], abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_is_the_regression_refitted_for_every_row(data):
    n = data.draw(st.integers(1, 25))
    m = np.array(data.draw(st.lists(st.integers(-6, 6), min_size=n, max_size=n)), dtype=float)
    y = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    weight = np.array(data.draw(st.lists(st.sampled_from([0.5, 1.0, 2.0, 3.25]), min_size=n, max_size=n)))
    new = np.arange(-15, 16) / 2.0
    check(m, y, new)
    check(m, y, new, weight)


def test_of_many_distinct_scores():
    random = np.random.default_rng(0)
    m = random.normal(size=400) * 3
    y = (random.random(400) < expit(m / 2)).astype(int)
    check(m, y, np.concatenate([m[:60], random.normal(size=60) * 4]))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6])
def test_every_short_sequence_of_labels(n):
    m = np.arange(n, dtype=float)
    for y in itertools.product([0, 1], repeat=n):
        check(m, np.array(y), np.arange(-1, 2 * n) / 2.0)


def test_all_ones_and_all_zeros():
    m = np.arange(5.0)
    p0, p1 = VennAbers().fit(m, np.ones(5, int)).predict_interval([-1.0, 0.0, 2.0, 4.0, 9.0])
    np.testing.assert_allclose(p0, [0.0, 1 / 2, 3 / 4, 5 / 6, 5 / 6])
    np.testing.assert_array_equal(p1, 1.0)
    p0, p1 = VennAbers().fit(m, np.zeros(5, int)).predict_interval([-1.0, 0.0, 2.0, 4.0, 9.0])
    np.testing.assert_array_equal(p0, 0.0)
    np.testing.assert_allclose(p1, [1 / 6, 1 / 6, 1 / 4, 1 / 2, 1.0])


def test_of_one_score_by_hand():
    # k of n ones: p₀ = k/(n+1), p₁ = (k+1)/(n+1).
    p0, p1 = VennAbers().fit([2.0] * 9, [1] * 6 + [0] * 3).predict_interval([2.0])
    assert (p0[0], p1[0]) == (pytest.approx(0.6), pytest.approx(0.7))
    p = VennAbers().fit([2.0] * 9, [1] * 6 + [0] * 3).predict_proba([2.0])[0, 1]
    assert p == pytest.approx(0.7 / (1 - 0.6 + 0.7))


def test_values_of_a_peer():
    """Of the package venn-abers 1.5.4, which gave exactly these fractions."""
    m = [0, 3, 2, -1, -1, -1, 1, 0, 1, -4, 3, 0, 1, 0, -1, 1, 2, 0, 0, 1, -2, -3, 1, -1, -4, -2, -1, -2, -3, 0]
    y = [1, 1, 1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1]
    new = [-9, -3, -2.5, -2, -1, -0.5, 0, 1, 1.5, 2, 3, 9]
    p0, p1 = VennAbers().fit(m, y).predict_interval(new)
    expected = [0, 0, 0, 0, 2 / 7, 2 / 7, 11 / 14, 11 / 14, 11 / 14, 13 / 16, 5 / 6, 5 / 6]
    np.testing.assert_allclose(p0, expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(p1, [1 / 8, 1 / 6, 1 / 4, 1 / 4, 3 / 7, 6 / 7, 6 / 7, 6 / 7, 1, 1, 1, 1], rtol=1e-14)
    p = VennAbers().fit(m, y).predict_proba(new)[:, 1]
    theirs = [1 / 9, 1 / 7, 0.2, 0.2, 0.375, 6 / 11, 0.8, 0.8, 14 / 17, 16 / 19, 6 / 7, 6 / 7]
    np.testing.assert_allclose(p, theirs, rtol=1e-12)


def test_certain_rows_are_scores_as_others():
    m = np.array([-np.inf] * 10 + [0.0] * 10 + [np.inf] * 10)
    y = np.array([0] * 9 + [1] + [0, 1] * 5 + [0] * 2 + [1] * 8)
    finite = np.where(np.isinf(m), np.sign(m) * 50.0, m)
    new = np.array([-np.inf, -3.0, 0.0, 3.0, np.inf])
    found = VennAbers().fit(m, y).predict_interval(new)
    expected = VennAbers().fit(finite, y).predict_interval(new.clip(-50, 50))
    np.testing.assert_array_equal(found, expected)


def test_a_score_computed_again_is_the_same_score():
    m, y = np.arange(1.0, 9.0), np.array([0, 1, 0, 0, 1, 0, 1, 1])
    calibrator = VennAbers().fit(m, y)
    for nudged in (np.nextafter(m, np.inf), np.nextafter(m, -np.inf)):
        np.testing.assert_array_equal(calibrator.predict_interval(nudged), calibrator.predict_interval(m))


def test_the_interval_and_its_number():
    random = np.random.default_rng(1)
    m = random.normal(size=300) * 3
    y = (random.random(300) < expit(m / 2)).astype(int)
    calibrator = VennAbers().fit(m, y)
    new = np.linspace(-12, 12, 500)
    p0, p1 = calibrator.predict_interval(new)
    assert (p0 < p1).all()
    assert (np.diff(p0) >= 0).all()
    assert (np.diff(p1) >= 0).all()
    np.testing.assert_allclose(calibrator.predict_proba(new)[:, 1], p1 / (1 - p0 + p1), rtol=1e-12)
    two = VennAbers().fit(np.stack([0 * m, m], axis=1), y)
    np.testing.assert_array_equal(two.predict_interval(np.stack([0 * new, new], axis=1)), (p0, p1))


def test_several_classes_have_an_interval_each():
    random = np.random.default_rng(2)
    z = random.normal(size=(300, 3)) * 2
    y = (z / 2 + random.gumbel(size=z.shape)).argmax(axis=1)
    calibrator = VennAbers().fit(z, y)
    low, high = calibrator.predict_interval(z[:20])
    m = log_odds_of(z)
    for k in range(3):
        for row in range(0, 20, 4):
            label = (y == k).astype(int)
            assert low[row, k] == pytest.approx(refitted(m[:, k], label, m[row, k], 0), abs=1e-12)
            assert high[row, k] == pytest.approx(refitted(m[:, k], label, m[row, k], 1), abs=1e-12)
    merged = high / (1 - low + high)
    np.testing.assert_allclose(calibrator.predict_proba(z[:20]), merged / merged.sum(axis=1, keepdims=True), rtol=1e-12)


def test_one_of_the_two_is_perfectly_calibrated():
    """E[(Y - p_Y) h(p_Y)] = 0 for every h: by simulation, with scores that are anything but calibrated.

    20 calibration rows and one new row, 4000 draws; each mean must lie within 4 of its standard errors of 0. The same
    of the wrong end, p_{1-Y}, shows that this many draws would notice.
    """
    random = np.random.default_rng(3)
    right, wrong = [], []
    for _ in range(4000):
        score = random.normal(size=21).round(1)
        y = (random.random(21) < expit(3 * score + 1)).astype(int)
        ends = VennAbers().fit(score[:20], y[:20]).predict_interval(score[20:])
        right.append((y[20], ends[y[20]][0]))
        wrong.append((y[20], ends[1 - y[20]][0]))
    tests = [np.ones_like, np.sin, np.square, lambda p: p < 0.3, lambda p: p > 0.8, lambda p: abs(p - 0.5) < 0.2]

    def largest(pairs):
        y, p = np.array(pairs).T
        terms = [(y - p) * h(p) for h in tests]
        return max(abs(each.mean()) / (each.std() / np.sqrt(len(each))) for each in terms)

    assert largest(right) < 4
    assert largest(wrong) > 10


def test_nan_stays_nan():
    low, high = VennAbers().fit([0.0, 1.0], [0, 1]).predict_interval([np.nan, 0.5])
    assert np.isnan([low[0], high[0]]).all()
    assert (low[1], high[1]) == (0.0, 1.0)


def test_refusals():
    with pytest.raises(OptionError, match=r"VennAbers.predict_interval: calibrator must be fitted first"):
        VennAbers().predict_interval([0.0])
    with pytest.raises(ShapeError, match=r"predict_interval: logits must have shape \(rows, 2\) or \(rows,\)"):
        VennAbers().fit([0.0, 1.0], [0, 1]).predict_interval(np.zeros((3, 3)))


def test_a_stack_of_corners_by_hand():
    # One row at one score, label 0: a further 1 there gives 1/2, above it 1.
    assert _with_a_one(np.array([0.0]), np.array([1.0])).tolist() == [0.5, 1.0]
    assert _with_a_one(np.array([0.0, 0.0]), np.array([1.0, 1.0])).tolist() == [1 / 3, 0.5, 1.0]
