"""Calibrators of one log-odds: what all of them promise."""

import json

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.base import clone

from xent import OptionError, ShapeError
from xent.calibration import Calibrator
from xent.calibration._one_vs_rest import log_odds, log_odds_of
from xent.calibration.binning import HistogramBinning
from xent.calibration.isotonic import IsotonicCalibration
from xent.calibration.platt import BetaCalibration, PlattScaling, QuadraticScaling
from xent.calibration.spline import SplineCalibration
from xent.calibration.venn_abers import VennAbers

OF_FEW_NUMBERS = [PlattScaling, QuadraticScaling, BetaCalibration]
SMOOTH = [*OF_FEW_NUMBERS, SplineCalibration]
OF_ANY_FORM = [
    IsotonicCalibration,
    lambda: IsotonicCalibration(variant="pav"),
    lambda: HistogramBinning(strategy="mass"),
    HistogramBinning,
    VennAbers,
]
RISING = [QuadraticScaling, BetaCalibration, SplineCalibration, *OF_ANY_FORM[:2], VennAbers]
EVERY = [*SMOOTH, *OF_ANY_FORM]
SHARED = [
    lambda: IsotonicCalibration(multiclass="shared"),
    lambda: IsotonicCalibration(multiclass="shared", variant="pav"),
]
NAMES = ["platt", "quadratic", "beta", "spline", "centred", "pav", "mass", "width", "venn-abers"]
every = pytest.mark.parametrize("make", EVERY, ids=NAMES)


def binary(seed=0, n=500, factor=2.0):
    """Log-odds that are ``factor`` times too sure, and off by 0.6 of them."""
    random = np.random.default_rng(seed)
    honest = random.normal(size=n) * 1.5
    return factor * honest + 0.6, (random.random(n) < expit(honest)).astype(int)


def several(seed=0, n=600, k=4):
    random = np.random.default_rng(seed)
    honest = random.normal(size=(n, k)) * 1.5
    return 2.0 * honest, (honest + random.gumbel(size=(n, k))).argmax(axis=1)


# Log-odds of a class --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 30.0, 800.0])
def test_log_odds_where_the_probability_rounds_to_one(scale):
    z = np.random.default_rng(1).normal(size=(40, 5)) * scale
    z[0] = 0.0
    z[1] = [3.0, 3.0, -1.0, -1.0, 3.0]
    z[2] = [50.0, 0.0, 0.0, 0.0, -np.inf]
    z[3] = [0.0, 1e-9, 0.0, -1e3, -1e3]
    found = log_odds_of(z)
    with mpmath.workdps(60):
        for row in range(len(z)):
            for k in range(5):
                rest = [mpmath.exp(mpmath.mpf(z[row, j])) for j in range(5) if j != k and z[row, j] > -np.inf]
                expected = -mpmath.inf if z[row, k] == -np.inf else z[row, k] - mpmath.log(mpmath.fsum(rest))
                assert found[row, k] == pytest.approx(float(expected), rel=1e-14, abs=1e-14 * scale)


def test_log_odds_of_the_only_class_and_of_no_distribution():
    z = np.array([[-np.inf, 2.0, -np.inf], [np.nan, 1.0, 0.0], [-np.inf] * 3])
    found = log_odds_of(z)
    assert found[0].tolist() == [-np.inf, np.inf, -np.inf]
    assert np.isnan(found[1:]).all()


def test_log_odds_have_a_gradient_in_torch():
    z = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: log_odds(torch, x), z)


# What all promise -----------------------------------------------------------------------------------------------------


@every
def test_one_logit_is_the_difference_of_two(make):
    m, y = binary()
    offset = np.random.default_rng(2).normal(size=len(m)).round(2)
    columns = np.stack([offset, m + offset], axis=1)
    one, two = make().fit(m, y), make().fit(np.stack([0 * m, m], axis=1), y)
    assert one.curves_[0].keys() == two.curves_[0].keys()
    np.testing.assert_allclose(one.predict_proba(m)[:, 1], expit(one.transform(m)), rtol=1e-14)
    np.testing.assert_allclose(two.predict_proba(np.stack([0 * m, m], axis=1)), one.predict_proba(m), rtol=1e-12)
    # A step may lie between two roundings of one difference, but no further away than that.
    np.testing.assert_allclose(two.predict_proba(columns), one.predict_proba(m), rtol=1e-9)


@every
def test_each_of_several_classes_against_the_rest(make):
    z, y = several()
    calibrator = make().fit(z, y)
    m = log_odds_of(z)
    each = [make().fit(m[:, k].copy(), (y == k).astype(int)).predict_proba(m[:, k].copy())[:, 1] for k in range(4)]
    expected = np.stack(each, axis=1)
    total = expected.sum(axis=1, keepdims=True)
    expected = np.where(total > 0, expected / np.where(total > 0, total, 1.0), 0.25)
    np.testing.assert_allclose(calibrator.predict_proba(z), expected, rtol=1e-11, atol=1e-13)
    assert len(calibrator.curves_) == 4
    assert calibrator.reasons_ == [None] * 4
    shifted = calibrator.predict_proba(z + np.arange(len(z))[:, None] % 7)
    np.testing.assert_allclose(shifted, expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("make", [*EVERY, *SHARED], ids=[*NAMES, "shared", "shared pav"])
@pytest.mark.parametrize("shape", ["n", "n2", "n4"])
def test_code_json_and_torch_are_the_same_function(make, shape):
    z, y = several() if shape == "n4" else binary()
    z = np.stack([0 * z, z], axis=1) if shape == "n2" else z
    calibrator = make().fit(z, y)
    new = np.concatenate([z, 3.0 * z[:200], z[:3] * np.nan])
    expected = calibrator.transform(new)
    assert np.isnan(expected[-3:]).all()
    assert not np.isnan(expected[:-3]).any()
    stored = Calibrator.from_dict(json.loads(json.dumps(calibrator.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(stored.transform(new), expected)
    assert (stored.reasons_, stored.get_params()) == (calibrator.reasons_, calibrator.get_params())
    space = {}
    with np.errstate(all="ignore"):
        exec(calibrator.to_code(), space)
        np.testing.assert_array_equal(space["calibrate"](new), expected)
    found = calibrator.to_torch()(torch.from_numpy(new)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "make", [VennAbers, lambda: HistogramBinning(1), lambda: IsotonicCalibration(variant="pav"), IsotonicCalibration]
)
def test_no_steps_and_infinite_scores_in_torch_and_json(make):
    m = np.array([-np.inf, -1.0, 0.0, 2.0, np.inf])
    calibrator = make().fit(m, np.zeros(5, int))
    expected = calibrator.transform(m)
    assert not np.isnan(expected).any()
    np.testing.assert_allclose(calibrator.to_torch()(torch.from_numpy(m)).numpy(), expected, rtol=1e-12)
    stored = Calibrator.from_dict(json.loads(json.dumps(calibrator.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(stored.transform(m), expected)


@pytest.mark.parametrize("make", [PlattScaling, QuadraticScaling, BetaCalibration, SplineCalibration])
@pytest.mark.parametrize("k", [1, 3])
def test_torch_has_the_gradient(make, k):
    z, y = binary() if k == 1 else several(k=3)
    module = make().fit(z, y).to_torch()
    assert torch.autograd.gradcheck(module, torch.from_numpy(z[:10].copy()).requires_grad_())
    half = module(torch.from_numpy(z[:10]).half())
    assert half.dtype == torch.float32
    torch.testing.assert_close(half.double(), module(torch.from_numpy(z[:10])), rtol=0.02, atol=0.02)


@every
def test_weight_two_is_the_row_twice(make):
    m, y = binary(n=200)
    m = m.round(1)  # ties
    weight = np.random.default_rng(3).integers(0, 4, size=200)
    repeated = np.repeat(np.arange(200), weight)
    weighted, plain = make().fit(m, y, weight), make().fit(m[repeated], y[repeated])
    new = np.linspace(-9, 9, 500) + 0.0123
    np.testing.assert_allclose(weighted.predict_proba(new), plain.predict_proba(new), rtol=1e-9, atol=1e-13)
    assert weighted.rows_ == (weight > 0).sum()


@every
def test_order_of_rows_and_ignored_rows_do_not_matter(make):
    m, y = binary(n=200)
    shuffled = np.random.default_rng(4).permutation(200)
    extended = np.append(m[shuffled], [1e6, np.nan]), np.append(y[shuffled], [-100, -100])
    found = make().fit(*extended)
    np.testing.assert_allclose(found.predict_proba(m), make().fit(m, y).predict_proba(m), rtol=1e-9, atol=1e-13)
    assert found.rows_ == 200


@every
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_floats_are_the_numbers_that_they_are(make, dtype):
    m = binary()[0].astype(dtype)
    y = binary()[1]
    narrow, wide = make().fit(m, y), make().fit(m.astype(np.float64), y)
    np.testing.assert_array_equal(narrow.transform(m), wide.transform(m.astype(np.float64)))
    z, y = several(n=100, k=3)
    z = z.astype(dtype)
    np.testing.assert_array_equal(make().fit(z, y).transform(z), make().fit(z.astype(np.float64), y).transform(z))


@pytest.mark.parametrize("make", [EVERY[i] for i, name in enumerate(NAMES) if name not in ("beta", "width")])
@pytest.mark.parametrize("factor", [0.01, 1000.0])
def test_scores_times_a_factor_give_the_same_probabilities(make, factor):
    m, y = binary()
    new = np.linspace(-12, 12, 300) + 0.0123
    plain = make().fit(m, y).predict_proba(new)
    np.testing.assert_allclose(make().fit(factor * m, y).predict_proba(factor * new), plain, rtol=1e-8, atol=1e-12)


@every
@pytest.mark.parametrize("label", [0, 1])
def test_all_of_one_class(make, label):
    m = np.linspace(-3, 3, 30)
    calibrator = make().fit(m, np.full(30, label))
    p = calibrator.predict_proba(m)[:, label]
    assert calibrator.reasons_ == ["one class"]
    if make is EVERY[NAMES.index("pav")]:
        np.testing.assert_array_equal(p, 1.0)
    elif make is VennAbers:
        assert (p > 0.5).all()
        assert (p < 1.0).all()
    elif make in (SplineCalibration, *OF_FEW_NUMBERS, IsotonicCalibration):
        np.testing.assert_allclose(p, 31 / 32, atol=0.0004)  # Laplace's, but for the rise of the tails
    else:  # two further rows a bin, 31/32 of them of the label
        n = np.array([2, 1])[:, None] if calibrator.strategy == "mass" else np.arange(1, 30)[:, None]
        assert np.isclose(p, (n + 2 * 31 / 32) / (n + 2)).any(axis=0).all()


@every
def test_a_class_without_rows_has_a_small_probability(make):
    z, y = several(n=900)
    z, y = z[y != 2], y[y != 2]
    calibrator = make().fit(z, y)
    assert calibrator.reasons_[2] == "one class"
    assert len(calibrator.classes_) == 4
    p = calibrator.predict_proba(z)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    if make is VennAbers:
        assert p[:, 2].mean() < 0.02  # above all rows p₀ is 0 and p₁ is 1, so the largest is no small one
    else:
        assert p[:, 2].max() < 0.05


@every
def test_perfect_separation_is_finite(make):
    m = np.concatenate([np.linspace(-3, -1, 40), np.linspace(1, 3, 60)])
    y = (m > 0).astype(int)
    calibrator = make().fit(m, y)
    p = calibrator.predict_proba([-3.0, -1.0, 1.0, 3.0])[:, 1]
    assert (p[:2] < 0.42).all()
    assert (p[2:] > 0.58).all()
    if make is not EVERY[NAMES.index("pav")]:
        assert np.isfinite(calibrator.transform([-50.0, -1.0, 1.0, 50.0])).all()
        assert (p > 0).all()
        assert (p < 1).all()


@every
def test_misleading_scores_are_said(make):
    m, y = binary()
    calibrator = make().fit(-m, y)
    assert calibrator.reasons_ == ["misleading"]
    p = calibrator.predict_proba([-3.0, 3.0])[:, 1]
    if make is PlattScaling:
        assert calibrator.curves_[0]["slope"] < 0
        assert p[0] > p[1]
    elif make in RISING and make is not VennAbers and not isinstance(calibrator, HistogramBinning):
        assert p[1] - p[0] == pytest.approx(0.0, abs=0.1)  # as constant as rising curves can be


@every
def test_one_score(make):
    calibrator = make().fit([1.5] * 10, [1] * 7 + [0] * 3)
    assert calibrator.reasons_ == ["one score"]
    p = calibrator.predict_proba([1.5])[0, 1]
    by_hand = {
        "pav": 7 / 10,
        "centred": (7 + 2 * 7 / 10) / 12,
        "mass": (7 + 2 * 8 / 12) / 12,
        "width": (7 + 2 * 8 / 12) / 12,
        "venn-abers": (8 / 11) / (1 - 7 / 11 + 8 / 11),
    }
    smoothed = (7 * 8 / 9 + 3 / 5) / 10
    assert p == pytest.approx(by_hand.get(NAMES[EVERY.index(make)], smoothed), rel=1e-9)


@pytest.mark.parametrize("make", RISING)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_never_reverses_two_rows(make, data):
    n = data.draw(st.integers(2, 40))
    score = st.floats(-30, 30).map(lambda x: round(x, 3))
    m = np.array(data.draw(st.lists(score, min_size=n, max_size=n)))
    y = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    weight = np.array(data.draw(st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=n, max_size=n)))
    calibrator = make().fit(m, y, weight)
    new = np.sort(np.concatenate([m, np.linspace(-40, 40, 161)]))
    g = calibrator.transform(new)
    both = np.isfinite(g[1:]) & np.isfinite(g[:-1])
    assert (g[1:][both] >= g[:-1][both] - 1e-9 * (1.0 + np.abs(g[1:][both]))).all()
    assert (g[1:] >= g[:-1])[~both].all()


@pytest.mark.parametrize("make", SMOOTH)
@pytest.mark.parametrize("bad", [np.inf, -np.inf])
def test_probabilities_of_zero_and_one_are_refused_by_those_with_a_form(make, bad):
    with pytest.raises(OptionError, match=r"fit: logits must be finite; got -?inf at row 1\n\nhint: .*from_probs"):
        make().fit([0.0, bad, 1.0], [0, 1, 1])


@every
def test_scikit_learn_clones_them(make):
    m, y = binary(n=50)
    original = make().fit(m, y)
    copy = clone(original)
    assert copy.get_params() == original.get_params()
    assert not hasattr(copy, "curves_")
    np.testing.assert_array_equal(copy.fit(m, y).transform(m), original.transform(m))


@every
def test_shapes_are_checked(make):
    m, y = binary(n=20)
    with pytest.raises(ShapeError, match=r"transform: logits must have shape \(rows, 2\) or \(rows,\); got \(20, 3\)"):
        make().fit(m, y).transform(np.zeros((20, 3)))
    with pytest.raises(ShapeError, match=r"fit: target must have shape \(20,\)"):
        make().fit(m, y[:-1])
    with pytest.raises(OptionError, match="calibrator must be fitted first"):
        make().transform(m)


@every
def test_rows_wanted_grows_with_the_classes(make):
    assert make().rows_wanted(10) == 5 * make().rows_wanted(2) > 0
