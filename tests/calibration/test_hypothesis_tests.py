"""Tests of calibration against series in high precision, hand-made sums, and the rates that they promise."""

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xent.calibration.hypothesis_tests import (
    CalibrationTest,
    brownian_maximum_sf,
    brownian_range_sf,
    ks_test,
    kuiper_test,
    spiegelhalter_test,
)
from xent.errors import OptionError

TESTS = [ks_test, kuiper_test, spiegelhalter_test]


@pytest.mark.parametrize("x", [0.3, 0.7, 0.999, 1.001, 1.499, 1.501, 2.2, 4.0, 9.0])
def test_limiting_distributions(x):
    with mpmath.workdps(60):
        terms = range(200)
        maximum = 4 * sum((-1) ** k * mpmath.ncdf(-(2 * k + 1) * mpmath.mpf(x)) for k in terms)
        spread = 8 * sum((-1) ** (k - 1) * k * mpmath.ncdf(-k * mpmath.mpf(x)) for k in terms)
    assert brownian_maximum_sf(x) == pytest.approx(float(maximum), rel=1e-12)
    assert brownian_range_sf(x) == pytest.approx(float(spread), rel=1e-12)


def test_limiting_distributions_are_those_of_random_walks():
    # 4000 walks of 2000 normal steps; a discrete walk's maximum is below the continuous one's by 0.58/√2000 on
    # average (Chernoff), its range by twice that. The largest gap of 4000 draws exceeds 0.0257 in 1 % of cases.
    steps = np.random.default_rng(0).normal(size=(4000, 2000)) / math.sqrt(2000)
    walks = np.cumsum(steps, axis=1)
    late = 0.5826 / math.sqrt(2000)
    maxima = np.abs(walks).max(axis=1) + late
    ranges = np.maximum(walks.max(axis=1), 0) - np.minimum(walks.min(axis=1), 0) + 2 * late
    for values, survival in (maxima, brownian_maximum_sf), (ranges, brownian_range_sf):
        assert stats.kstest(values, lambda x, f=survival: 1 - np.vectorize(f)(x)).statistic < 0.0257


def test_sums_by_hand():
    # Levels .2 (two rows), .5, .9: sums of y - p are .6, .1, .2, over n = 4; variance .32 + .25 + .09 over 16.
    y, p = [1, 1, 0, 0], [0.2, 0.9, 0.5, 0.2]
    scale = math.sqrt(0.16 + 0.16 + 0.25 + 0.09) / 4
    ks, kuiper = ks_test(y, p), kuiper_test(y, p)
    assert ks.deviation == pytest.approx(0.6 / 4) and ks.statistic == pytest.approx(0.15 / scale)
    assert kuiper.deviation == pytest.approx(0.6 / 4)
    low = [0, 1, 0, 0]  # sums -.4, -.9, -.8: the range is that to the path's beginning, 0
    assert ks_test(low, p).deviation == kuiper_test(low, p).deviation == pytest.approx(0.9 / 4)
    both = [1, 0, 0, 0]  # .6, .1, -.8
    assert ks_test(both, p).deviation == pytest.approx(0.8 / 4)
    assert kuiper_test(both, p).deviation == pytest.approx(1.4 / 4)
    z = spiegelhalter_test(y, p)
    sums = 0.8 * 0.6 + 0.1 * -0.8 - 0.5 * 0.0 - 0.2 * 0.6
    variance = 2 * 0.36 * 0.16 + 0.64 * 0.09
    assert z.statistic == pytest.approx(sums / math.sqrt(variance))
    assert z.p_value == pytest.approx(2 * stats.norm.sf(abs(z.statistic)), rel=1e-12)
    assert z.deviation == pytest.approx(sums / 4)
    brier = np.mean((np.array(y) - p) ** 2)
    assert z.deviation == pytest.approx(brier - np.mean(np.array(p) * (1 - np.array(p))))


@pytest.mark.parametrize("test", TESTS)
def test_rates_under_calibration(test):
    # 2500 calibrated samples of 1000 rows: rejections at 5 % are 125 ± 11, at 20 % 500 ± 20. The limits of ks and
    # kuiper are reached from the safe side: a walk of 1000 steps misses the top of a continuous one.
    random = np.random.default_rng(1)
    p = random.beta(0.8, 1.2, (2500, 1000))
    y = random.random(p.shape) < p
    values = np.array([test(y[i], p[i]).p_value for i in range(len(p))])
    for level in (0.05, 0.2):
        mean, deviation = 2500 * level, math.sqrt(2500 * level * (1 - level))
        slack = 0.0 if test is spiegelhalter_test else 0.2 * mean
        assert mean - 3 * deviation - slack <= (values <= level).sum() <= mean + 3 * deviation


@pytest.mark.parametrize("test", [ks_test, kuiper_test])
def test_ties_are_on_the_safe_side(test):
    # Ten levels only: 1000 samples, at most 50 + 3 · 6.9 rejected at 5 %.
    random = np.random.default_rng(2)
    p = random.integers(0, 10, (1000, 300)) / 10 + 0.05
    y = random.random(p.shape) < p
    assert sum(test(y[i], p[i]).p_value <= 0.05 for i in range(1000)) <= 50 + 3 * 6.9


@pytest.mark.parametrize("test", TESTS)
def test_random_weights_keep_the_rate(test):
    random = np.random.default_rng(3)
    p = random.random((1000, 500))
    y = random.random(p.shape) < p
    weight = random.exponential(size=p.shape)
    rejected = sum(test(y[i], p[i], sample_weight=weight[i]).p_value <= 0.05 for i in range(1000))
    assert 15 <= rejected <= 50 + 3 * 6.9


def test_power_and_blindness():
    # P(Y=1) = p²: E[(p² - p)(1 - 2p)] = 0, so Spiegelhalter's test sees nothing of what the others see at once.
    random = np.random.default_rng(4)
    p = random.random(5000)
    y = random.random(5000) < p**2
    assert ks_test(y, p).p_value < 1e-100 and kuiper_test(y, p).p_value < 1e-100
    assert ks_test(y, p).deviation == pytest.approx(1 / 6, abs=0.02)
    assert spiegelhalter_test(y, p).p_value > 0.01
    sharp = p**3 / (p**3 + (1 - p) ** 3)  # too extreme
    honest = random.random(5000) < p
    assert spiegelhalter_test(honest, sharp).statistic > 10
    assert spiegelhalter_test(random.random(5000) < sharp, p).statistic < -10


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.3, 0.5, 0.8]), st.integers(0, 1)), min_size=1, max_size=30),
    st.randoms(use_true_random=False),
)
def test_order_and_repetition(rows, chance):
    p, y = np.array([p for p, _ in rows]), np.array([y for _, y in rows])
    times = np.array([chance.randint(0, 2) for _ in rows])
    times[0] = 1
    order = np.arange(len(p))
    chance.shuffle(order)
    for test in TESTS:
        plain, shuffled = test(y, p), test(y[order], p[order])
        assert shuffled.deviation == pytest.approx(plain.deviation, abs=1e-12)
        assert shuffled.p_value == pytest.approx(plain.p_value, rel=1e-9, abs=1e-300)
        weighted, repeated = test(y, p, sample_weight=times), test(np.repeat(y, times), np.repeat(p, times))
        assert weighted.deviation == pytest.approx(repeated.deviation, abs=1e-12)
    assert ks_test(y, p).deviation <= kuiper_test(y, p).deviation + 1e-15 <= 2 * ks_test(y, p).deviation + 1e-14


@pytest.mark.parametrize("test", TESTS)
def test_edges(test):
    assert test([1, 0], [1.0, 0.0]) == CalibrationTest(0.0, 0.0, 1.0, 2.0)
    refuted = test([0, 0], [1.0, 0.0])
    assert refuted.deviation == 0.5 and refuted.statistic == math.inf and refuted.p_value == 0.0
    nothing = test([], [])
    assert math.isnan(nothing.statistic) and math.isnan(nothing.p_value) and nothing.n == 0
    assert math.isnan(test([1], [0.3], sample_weight=[0]).deviation)
    half = test([1] * 30, np.full(30, 0.5, np.float16))
    assert (half.p_value == 1.0) == (test is spiegelhalter_test)  # which sees nothing at 1/2


@pytest.mark.parametrize("test", TESTS)
def test_top_label(test):
    random = np.random.default_rng(5)
    probs = random.dirichlet([1.0, 1.0, 1.0], 100).astype(np.float32)
    y = random.integers(0, 3, 100)
    assert test(y, probs, kind="top-label") == test(probs.argmax(axis=1) == y, probs.max(axis=1))
    with pytest.raises(
        OptionError,
        match=rf"^{test.__name__}: kind must be 'binary' or 'top-label'; got 'classwise'\n\n"
        r"hint: of many classes look at one at a time: \(y_true == k, y_prob\[:, k\]\)",
    ):
        test(y, probs, kind="classwise")
