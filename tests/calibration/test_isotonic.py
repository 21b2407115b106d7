"""Isotonic calibration against scikit-learn's regression, centred isotonic regression by hand, and its promises."""

import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_softmax, logit
from sklearn.isotonic import IsotonicRegression

from xent import OptionError
from xent.calibration import from_probs
from xent.calibration._one_vs_rest import log_odds_of
from xent.calibration._pav import just_below, pav
from xent.calibration.isotonic import IsotonicCalibration

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"


def binary(seed=0, n=500, decimals=2):
    random = np.random.default_rng(seed)
    m = (random.normal(size=n) * 3).round(decimals)
    return m, (random.random(n) < expit(m / 2 + 0.3)).astype(int)


def several(seed=0, n=500, k=4):
    random = np.random.default_rng(seed)
    honest = random.normal(size=(n, k)) * 1.5
    return 2.0 * honest, (honest + random.gumbel(size=(n, k))).argmax(axis=1)


# Pooling adjacent violators -------------------------------------------------------------------------------------------


def expanded(sums, weights):
    starts, totals, sizes = pav(np.asarray(sums, float), np.asarray(weights, float))
    assert starts[0] == 0
    assert (np.diff(totals / sizes) > 0).all()
    return np.repeat(totals / sizes, np.diff(np.append(starts, len(sums))))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60))
def test_pav_is_scikit_learns(counts):
    ones, weights = np.array(counts).T
    weights = ones + weights + 0.5
    expected = IsotonicRegression().fit_transform(np.arange(len(ones)), ones / weights, sample_weight=weights)
    np.testing.assert_allclose(expanded(ones, weights), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("sums", "blocks"),
    [
        (np.append(np.arange(5000.0), 0.0), None),  # falls at its end: each pass pools a pair
        (np.arange(5000.0)[::-1], 1),
        (np.repeat([1.0, 0.0], 2500), 1),
        (np.repeat([0.0, 1.0], 2500), 2),
        (np.tile([1.0, 0.0], 2500), 1),
    ],
)
def test_pav_of_long_runs(sums, blocks):
    expected = IsotonicRegression().fit_transform(np.arange(len(sums)), sums)
    np.testing.assert_allclose(expanded(sums, np.ones(len(sums))), expected, rtol=1e-12)
    assert blocks is None or len(pav(sums, np.ones(len(sums)))[0]) == blocks


def test_equal_means_are_one_pool_exactly():
    # 1/3 and 2/6 and 7/21: equal as counts, whatever their quotients round to.
    assert len(pav(np.array([1.0, 2.0, 7.0]), np.array([3.0, 6.0, 21.0]))[0]) == 1


# "pav" ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("decimals", [0, 2, 9])
@pytest.mark.parametrize("weighted", [False, True])
def test_pav_variant_is_scikit_learns_regression_between_scores_too(seed, decimals, weighted):
    m, y = binary(seed, decimals=decimals)
    weight = np.random.default_rng(seed).exponential(size=len(m)) if weighted else None
    theirs = IsotonicRegression(out_of_bounds="clip").fit(m, y, weight)
    found = IsotonicCalibration(variant="pav").fit(m, y, weight)
    new = np.concatenate([m, np.linspace(-14, 14, 999)])
    np.testing.assert_allclose(found.predict_proba(new)[:, 1], theirs.predict(new), rtol=1e-10, atol=1e-14)
    # At the rows it is also that on the probabilities: only the order matters there.
    on_probs = IsotonicRegression(out_of_bounds="clip").fit(expit(m), y, weight).predict(expit(m))
    np.testing.assert_allclose(found.predict_proba(m)[:, 1], on_probs, rtol=1e-10, atol=1e-14)


def test_pav_minimises_the_log_loss_of_its_rows_among_rising_functions():
    m, y = binary(n=300)
    p = IsotonicCalibration(variant="pav").fit(m, y).predict_proba(m)[:, 1]
    loss = -np.log(np.where(y == 1, p, 1 - p)).sum()
    for bend in np.random.default_rng(0).uniform(0, 1, 50):
        other = np.clip(p + 0.02 * (expit(m * bend) - p), 1e-12, 1 - 1e-12)  # rising too, as both are
        assert -np.log(np.where(y == 1, other, 1 - other)).sum() >= loss


# "centred" ------------------------------------------------------------------------------------------------------------


def test_centred_by_hand():
    # Pools with the further rows (label 1 at -4, label 0 at 6):
    #   scores -4 -3 -2: (1 + 0 + 0 + 0)/4;  -1 and 1: (1 + 0)/2;  2, 3, 6: 1, 1, 1 of 4 (with the further 0).
    m = np.array([-4.0, -3.0, -2.0, -1.0, 1.0, 2.0, 3.0, 6.0])
    y = np.array([0, 0, 0, 1, 0, 1, 1, 1])
    calibrator = IsotonicCalibration().fit(m, y)
    curve = calibrator.curves_[0]
    np.testing.assert_allclose(curve["knots"], [-3.0, 0.0, 11 / 3])
    np.testing.assert_allclose(calibrator.transform(curve["knots"]), [np.log(1 / 3), 0.0, np.log(3)], atol=1e-15)
    np.testing.assert_allclose(calibrator.transform([-1.5, 11 / 6]), [np.log(1 / 3) / 2, np.log(3) / 2])
    # Beyond the outermost points: less than 0.01 more, half of it the rows' range (10) away.
    np.testing.assert_allclose(
        calibrator.transform([-3.0 - 10, 11 / 3 + 10, -np.inf, np.inf]),
        [np.log(1 / 3) - 0.005, np.log(3) + 0.005, np.log(1 / 3) - 0.01, np.log(3) + 0.01],
    )


def test_the_further_rows_are_shared_as_all_rows_are():
    # 1 of 5 rows is a one: 0.4 of a one at the lowest score, 1.6 zeros at the highest.
    g = IsotonicCalibration().fit([0.0, 1.0, 1.0, 1.0, 2.0], [0, 0, 0, 0, 1]).curves_[0]["value"][1:]
    np.testing.assert_allclose(expit(g), [0.4 / 4.4, 1 / 2.6])


def test_centred_points_weigh_rows():
    m, y, weight = [0.0, 1.0, 2.0, 3.0], [1, 0, 0, 1], [1.0, 2.0, 3.0, 4.0]
    # With the further rows: (1+1)/2 at 0, 0/2, 0/3, 4/5 at 3. Pools: 2/7 over 0, 1, 2 and 4/5.
    curve = IsotonicCalibration().fit(m, y, weight).curves_[0]
    np.testing.assert_allclose(curve["knots"], [(2 + 6) / 6, 3.0])
    np.testing.assert_allclose(expit(curve["value"][1:]), [2 / 7, 4 / 5])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_centred_keeps_every_order(data):
    n = data.draw(st.integers(2, 50))
    m = np.array(data.draw(st.lists(st.integers(-40, 40), min_size=n, max_size=n))) / 4.0
    y = np.array(data.draw(st.lists(st.integers(0, 1), min_size=n, max_size=n)))
    calibrator = IsotonicCalibration().fit(m, y)
    new = np.concatenate([[-np.inf, -1e6], np.arange(-60, 60) / 3.0, [1e6, np.inf]])
    assert (np.diff(calibrator.transform(new)) > 0).all()


def test_centred_is_nearer_the_truth_than_pav():
    """Mean squared error of the probabilities over 40 samples of 300 rows; both known to a few per cent."""
    error = {"pav": [], "centred": []}
    new = np.linspace(-6, 6, 200)
    for seed in range(40):
        m, y = binary(seed, n=300)
        for variant, errors in error.items():
            p = IsotonicCalibration(variant=variant).fit(m, y).predict_proba(new)[:, 1]
            errors.append(np.mean((p - expit(new / 2 + 0.3)) ** 2))
    assert np.mean(error["centred"]) < 0.8 * np.mean(error["pav"])


def test_no_new_row_has_an_infinite_loss():
    m, y = binary(n=50)
    g = IsotonicCalibration().fit(m, y).transform([-np.inf, -1e308, 0.0, 1e308, np.inf])
    assert np.isfinite(g).all()
    rarer = 2 * min(y.mean(), 1 - y.mean())  # what is put among at most 50 rows
    assert np.abs(g).max() < np.log(50 / rarer) + 0.011
    assert np.isinf(IsotonicCalibration(variant="pav").fit(m, y).transform([-9.0, 9.0])).any()


# Probabilities of 0 and 1 ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["centred", "pav"])
def test_rows_that_were_certain_are_pooled_with_their_like(variant):
    # 100 rows at p = 0, of which 10 are ones; 100 at p = 1, 90 ones; between them 100 each at 0.3 and 0.7.
    p = np.repeat([0.0, 0.3, 0.7, 1.0], 100)
    y = np.concatenate([np.arange(100) < ones for ones in (10, 30, 70, 90)]).astype(int)
    calibrator = IsotonicCalibration(variant=variant).fit(from_probs(p), y)
    found = calibrator.predict_proba(from_probs([0.0, 0.3, 0.7, 1.0]))[:, 1]
    expected = [0.1, 0.3, 0.7, 0.9] if variant == "pav" else [11 / 101, 0.3, 0.7, 90 / 101]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    near = calibrator.predict_proba([-700.0, 700.0])[:, 1]
    np.testing.assert_allclose(near, [0.3, 0.7], atol=0.003)  # of 0.3 and 0.7, but for the rise
    assert expected[0] < near[0] <= 0.3
    assert 0.7 <= near[1] < expected[3]


@pytest.mark.parametrize("variant", ["centred", "pav"])
def test_only_certain_rows(variant):
    y = np.array([0] * 8 + [1] * 2 + [0] * 2 + [1] * 8)
    m = np.repeat([-np.inf, np.inf], 10)
    p = IsotonicCalibration(variant=variant).fit(m, y).predict_proba([-np.inf, 0.0, np.inf])[:, 1]
    middle = expit((logit(3 / 11) + logit(8 / 11)) / 2)
    np.testing.assert_allclose(p, [0.2, 0.5, 0.8] if variant == "pav" else [3 / 11, middle, 8 / 11], rtol=1e-12)


def test_classes_that_a_row_rules_out():
    z = np.array([[0.0, 0.0, -np.inf], [2.0, -np.inf, 0.0], [0.0, -np.inf, -np.inf], [0.0, 1.0, 2.0]] * 10)
    y = np.array([0, 0, 0, 2] * 10)
    for multiclass in ("one-vs-rest", "shared"):
        p = IsotonicCalibration(multiclass=multiclass).fit(z, y).predict_proba(z)
        assert np.isfinite(p).all()
        assert (p > 0).all()
        np.testing.assert_allclose(p.sum(axis=1), 1.0)


def test_where_pav_leaves_no_class_all_are_equal():
    z, y = [[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0]], [1, 2, 0]
    calibrator = IsotonicCalibration(variant="pav").fit(z * 4, y * 4)
    np.testing.assert_array_equal(IsotonicCalibration(variant="pav").fit(z, [0, 1, 2]).predict_proba(z), np.eye(3))
    low = calibrator.predict_proba([[0.0, 0.0, 0.0]])
    np.testing.assert_allclose(low, 1 / 3)


# One function for all classes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", ["centred", "pav"])
def test_shared_is_one_regression_on_all_pairs(variant):
    z, y = several()
    m, is_one = log_odds_of(z), (y[:, None] == np.arange(4)).astype(int)
    one = IsotonicCalibration(variant=variant).fit(m.reshape(-1), is_one.reshape(-1))
    expected = expit(one.transform(m.reshape(-1))).reshape(m.shape)
    found = IsotonicCalibration(variant=variant, multiclass="shared").fit(z, y)
    total = expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(found.predict_proba(z), expected / total, rtol=1e-10, atol=1e-14)
    assert len(found.curves_) == 1


def test_shared_keeps_the_order_of_the_classes_and_the_others_do_not():
    z, y = several(n=400)
    order = z.argsort(axis=1)
    kept = IsotonicCalibration(multiclass="shared").fit(z, y).transform(z).argsort(axis=1)
    np.testing.assert_array_equal(kept, order)
    assert (IsotonicCalibration().fit(z, y).transform(z).argsort(axis=1) != order).any()


def test_calibrates_several_classes():
    """Log loss on 4000 new rows: the honest logits', within 0.02 nats, from logits twice too sure."""
    z, y = several(1, n=4000)
    new, label = several(2, n=4000)
    rows = np.arange(4000)
    honest = -log_softmax(new / 2, axis=1)[rows, label].mean()
    assert -log_softmax(new, axis=1)[rows, label].mean() > honest + 0.1
    for multiclass in ("one-vs-rest", "shared"):
        p = IsotonicCalibration(multiclass=multiclass).fit(z, y).predict_proba(new)
        assert -np.log(p[rows, label]).mean() < honest + 0.02


def test_real_network():
    """Of a network on CIFAR-10: below the 0.27042 nats of temperature scaling on the rows not fitted on."""
    path = SHARED / "wideresnet-16-4-cifar-10.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here: it is never committed")
    data = np.load(path)
    z, y = from_probs(data["predictions"], floor=1e-12), data["ground_truth"].reshape(-1).astype(int)
    calibrator = IsotonicCalibration().fit(z[:5000], y[:5000])
    assert -np.log(calibrator.predict_proba(z[5000:])[np.arange(5000), y[5000:]]).mean() < 0.25
    shared = IsotonicCalibration(multiclass="shared").fit(z[:5000], y[:5000])
    np.testing.assert_array_equal(shared.predict_proba(z).argmax(axis=1), z.argmax(axis=1))


# Refusals -------------------------------------------------------------------------------------------------------------


def test_words_that_change_after_the_fit_do_not_change_it():
    m, y = binary()
    calibrator = IsotonicCalibration().fit(m, y)
    before = calibrator.transform(m)
    np.testing.assert_array_equal(calibrator.set_params(variant="pav").transform(m), before)
    np.testing.assert_array_equal(IsotonicCalibration.from_dict(calibrator.to_dict()).transform(m), before)


def test_words_are_checked():
    with pytest.raises(OptionError, match=r"IsotonicCalibration.fit: variant must be 'centred' or 'pav'; got 'exact'"):
        IsotonicCalibration(variant="exact").fit([0.0, 1.0], [0, 1])
    with pytest.raises(OptionError, match=r"multiclass must be 'one-vs-rest' or 'shared'; got 'ovo'\n\nhint: 'shared'"):
        IsotonicCalibration(multiclass="ovo").fit([0.0, 1.0], [0, 1])


def test_nan_is_refused():
    with pytest.raises(OptionError, match=r"logits must not be NaN.*; got nan at row 1"):
        IsotonicCalibration().fit([0.0, np.nan], [0, 1])


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=20, unique=True))
@settings(max_examples=100, deadline=None)
def test_just_below_is_above_the_one_before(x):
    x = np.unique(np.array(x) + 0.0)
    lower = just_below(x)
    assert (lower <= x).all()
    assert (lower[1:] > x[:-1]).all() or (np.diff(x) < 1e-300).any()
