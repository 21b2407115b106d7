"""The calibrators with a temperature against closed forms and general minimisers, and from_probs against mpmath."""

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from xent import OptionError, ShapeError, TargetError
from xent.calibration import EnsembleTemperature, MultilabelTemperature, TemperatureScaling, from_probs

from .cases import LABELS, NEW, ROWS, SEVERAL, drawn

# from_probs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_logarithms_are_those_of_the_stored_numbers(dtype):
    probs = special.softmax(4.0 * np.random.default_rng(0).normal(size=(50, 6)), axis=1).astype(dtype)
    for p, log_p in zip(probs.flat, from_probs(probs).flat, strict=True):
        exact = mpmath.log(mpmath.mpf(float(p))) if p > 0 else mpmath.ninf
        assert float(exact) == pytest.approx(log_p, rel=2.3e-16, abs=0)


@given(st.floats(0.0, 1.0))
def test_a_vector_becomes_log_odds(p):
    z = from_probs([p])[0]
    with mpmath.workdps(50):
        exact = mpmath.log(p) - mpmath.log1p(-mpmath.mpf(p)) if 0 < p < 1 else (np.inf if p else -np.inf)
        assert z == pytest.approx(float(exact), rel=1e-15, abs=3e-16)


def test_half_precision_probabilities_keep_their_temperature():
    """scikit-learn 1.9 takes probabilities in float16 for logits (T .17 here, instead of 2)."""
    z, y = drawn(5000, 10, temperature=2.0, seed=4)
    exact = TemperatureScaling().fit(z, y).temperature_
    half = TemperatureScaling().fit(from_probs(special.softmax(z, axis=1).astype(np.float16), floor=1e-7), y)
    assert exact == pytest.approx(2.0, abs=0.08)
    assert half.temperature_ == pytest.approx(exact, abs=0.03)


def test_a_floor_lifts_what_is_below_it():
    np.testing.assert_allclose(from_probs([[0.0, 1.0]], floor=1e-7), [[np.log(1e-7), 0.0]], rtol=1e-15)
    np.testing.assert_allclose(from_probs([0.0, 1.0], floor=1e-7), np.array([-1, 1]) * (np.log1p(-1e-7) - np.log(1e-7)))
    assert from_probs([[0.0, 1.0], [np.nan, np.nan]])[0, 0] == -np.inf
    assert np.isnan(from_probs([[0.0, 1.0], [np.nan, np.nan]])[1]).all()


def test_what_is_no_probability_is_refused():
    with pytest.raises(
        OptionError, match=r"from_probs: probs must be non-negative and sum to 1 .*got a sum of 3 at row 1"
    ):
        from_probs([[0.5, 0.5], [1.0, 2.0]])
    with pytest.raises(OptionError, match=r"sum to 1 within 0.01 .*; got -0.2 at row 0"):
        from_probs([[1.2, -0.2]])  # whose sum is 1
    with pytest.raises(OptionError, match=r"probs must lie in \[0, 1\]; got 1.5"):
        from_probs([0.5, 1.5])
    with pytest.raises(OptionError, match=r"floor must lie in \[0, 0.5\); got 0.7"):
        from_probs([0.5], floor=0.7)
    with pytest.raises(ShapeError, match="probs must have shape"):
        from_probs(np.zeros((2, 2, 2)))


# The mixture ---------------------------------------------------------------------------------------------------------


def test_the_mixture_is_the_best_of_all():
    calibrator = EnsembleTemperature().fit(ROWS, LABELS)
    columns = np.stack(
        [
            special.softmax(ROWS / calibrator.temperature_, axis=1),
            special.softmax(ROWS, axis=1),
            np.full(ROWS.shape, 0.25),
        ]
    )[:, np.arange(len(ROWS)), LABELS]

    def loss(w):
        return -np.log(w @ columns).mean()

    found = optimize.minimize(
        loss,
        np.full(3, 1 / 3),
        method="SLSQP",
        bounds=[(0, 1)] * 3,
        constraints=[{"type": "eq", "fun": lambda w: w.sum() - 1}],
        options={"ftol": 1e-14},
    )
    ours = np.array([calibrator.share_scaled_, calibrator.share_plain_, calibrator.share_uniform_])
    assert ours.sum() == pytest.approx(1.0, abs=1e-15)
    assert loss(ours) <= found.fun + 1e-9
    np.testing.assert_allclose(ours, found.x, atol=2e-3)


def test_a_share_of_the_uniform_bounds_every_loss():
    """A tenth of the labels drawn anew: no temperature forgives these, the mixture does, and finds their share."""
    random = np.random.default_rng(1)
    z, y = drawn(20_000, 5, temperature=1.0, seed=8)
    y = np.where(random.random(len(y)) < 0.1, random.integers(0, 5, len(y)), y)
    mixture = EnsembleTemperature().fit(z, y)
    assert mixture.share_uniform_ == pytest.approx(0.1, abs=0.01)
    loss = -np.log(mixture.predict_proba(z)[np.arange(len(y)), y])
    assert loss.max() <= np.log(5 / mixture.share_uniform_) + 1e-12
    tempered = -np.log(TemperatureScaling().fit(z, y).predict_proba(z)[np.arange(len(y)), y])
    assert loss.mean() < tempered.mean() - 0.02


@pytest.mark.parametrize("kind", [TemperatureScaling, EnsembleTemperature])
def test_order_and_impossible_classes_stay(kind):
    new = NEW.copy()
    new[:, 3] = -np.inf
    calibrator = kind().fit(ROWS, LABELS)
    np.testing.assert_array_equal(
        calibrator.transform(new).argsort(axis=1, kind="stable"), new.argsort(axis=1, kind="stable")
    )
    if kind is TemperatureScaling:
        assert (calibrator.predict_proba(new)[:, 3] == 0.0).all()


# Temperatures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("true", [0.02, 0.5, 1.0, 30.0, 1000.0])
def test_every_size_of_temperature_is_found(true):
    """One logit m, the rest 0, a share a right: T = m / log((K-1) a / (1-a)). LBFGS fits diverge from T = 30 on."""
    share, n_classes = 0.75, 10
    m = true * np.log((n_classes - 1) * share / (1 - share))
    z = np.zeros((100, n_classes))
    z[:, 0] = m
    y = np.where(np.arange(100) < 75, 0, 1 + np.arange(100) % 9)
    assert TemperatureScaling().fit(z, y).temperature_ == pytest.approx(true, rel=1e-9)


def test_what_has_no_temperature_says_so():
    z = np.tile([2.0, 0.0, 0.0], (9, 1))
    right = TemperatureScaling().fit(z, np.zeros(9, int))
    assert (right.temperature_, right.reason_) == (1.0, "separable")
    chance = TemperatureScaling().fit(z, np.arange(9) % 3)
    assert (chance.temperature_, chance.reason_) == (1.0, "uninformative")


def test_each_label_has_the_temperature_of_least_loss():
    shared = MultilabelTemperature().fit(ROWS, SEVERAL)
    each = MultilabelTemperature(per_label=True).fit(ROWS, SEVERAL)

    def loss(log_t, z, y):
        return np.logaddexp(0.0, np.where(y == 1, -z, z) / np.exp(log_t)).mean()

    for k in range(4):
        best = optimize.minimize_scalar(loss, bracket=(-1, 1), args=(ROWS[:, k], SEVERAL[:, k]), tol=1e-12)
        assert each.temperature_[k] == pytest.approx(np.exp(best.x), rel=1e-6)
    best = optimize.minimize_scalar(loss, bracket=(-1, 1), args=(ROWS, SEVERAL), tol=1e-12)
    np.testing.assert_allclose(shared.temperature_, np.exp(best.x), rtol=1e-6)


def test_a_label_of_which_nothing_is_known_keeps_its_logits():
    target = SEVERAL.copy()
    target[:, 1] = -100
    calibrator = MultilabelTemperature(per_label=True).fit(ROWS, target)
    assert calibrator.temperature_[1] == 1.0
    assert calibrator.reasons_ == [None, "no rows", None, None]


def test_entries_that_do_not_count_may_be_nan():
    z, y = ROWS.copy(), (ROWS > 1).astype(int)
    y[:50, 0], y[50:90, 2] = -100, -100
    expected = MultilabelTemperature(per_label=True).fit(z, y).temperature_
    z[:50, 0], z[50:90, 2] = np.nan, np.nan
    found = MultilabelTemperature(per_label=True).fit(z, y).temperature_
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    with pytest.raises(OptionError, match=r"^MultilabelTemperature.fit: logits must not be NaN; got nan at row 0"):
        MultilabelTemperature().fit(z, (ROWS > 1).astype(int))


def test_entries_may_have_weights():
    weight = np.random.default_rng(3).integers(0, 3, size=ROWS.shape)
    found = MultilabelTemperature().fit(ROWS, SEVERAL, weight)
    flat = [np.repeat(each.ravel(), weight.ravel())[:, None] for each in (ROWS, SEVERAL)]
    np.testing.assert_allclose(found.temperature_, MultilabelTemperature().fit(*flat).temperature_[0], rtol=1e-9)


def test_what_is_no_label_is_refused():
    with pytest.raises(TargetError, match=r"target must be 0, 1 or ignore_index=-100; got 2 at row 0"):
        MultilabelTemperature().fit([[1.0, 2.0]], [[0, 2]])
    with pytest.raises(ShapeError, match=r"target must have the logits' shape"):
        MultilabelTemperature().fit([[1.0, 2.0]], [1])
