"""Spline calibration: the curve against its definition by quadrature and a general minimiser, and what it is for."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import minimize
from scipy.special import expit

from xent import OptionError
from xent.calibration._pieces import fit_pieces, pieces, ramps, roughness
from xent.calibration._rising_fit import Counts
from xent.calibration.platt import PlattScaling
from xent.calibration.spline import _SMOOTHNESS, SplineCalibration, _cells

KNOTS = np.array([-3.0, -1.0, 0.5, 4.0])


def sample(truth, seed=0, n=2000):
    random = np.random.default_rng(seed)
    m = random.normal(size=n) * 3
    return m, (random.random(n) < expit(truth(m))).astype(int)


def log_loss(calibrator, truth, seed=99):
    """Expected loss at 4000 new scores, of the true probabilities."""
    m = np.random.default_rng(seed).normal(size=4000) * 3
    p, g = expit(truth(m)), calibrator.transform(m)
    return float(np.mean(p * np.logaddexp(0, -g) + (1 - p) * np.logaddexp(0, g)))


@pytest.mark.parametrize("m", [-7.0, -3.0, -2.2, -1.0, 0.1, 0.5, 2.0, 4.0, 9.0])
def test_ramps_are_integrals_of_tents(m):
    for j in range(4):
        tent = lambda t, j=j: np.interp(t, KNOTS, np.eye(4)[j])  # noqa: E731 - constant beyond the outermost knots
        breaks = sorted(np.clip(KNOTS, min(m, -3.0), max(m, -3.0)))
        expected = quad(tent, -3.0, m, points=breaks, limit=100)[0]
        assert ramps(np.array([m]), KNOTS)[0, j] == pytest.approx(expected, abs=1e-9)


def test_roughness_is_the_integral_of_the_squared_second_derivative():
    slopes = np.array([0.5, 2.0, 1.0, 0.0])
    second = np.diff(slopes) / np.diff(KNOTS)
    assert slopes @ roughness(KNOTS) @ slopes == pytest.approx(second**2 @ np.diff(KNOTS))


@pytest.mark.parametrize("smoothness", [0.0, 1e-3, 1.0])
@pytest.mark.parametrize("turn", [1.0, -1.0])
def test_pieces_minimise_the_penalised_loss(smoothness, turn):
    m, y = sample(lambda m: turn * np.sin(m) + 0.2 * m, n=500)
    rows = Counts(m, y.astype(float), np.random.default_rng(1).exponential(size=500))
    rows = rows._replace(ones=rows.ones * rows.weight)
    penalty = smoothness * roughness(KNOTS)
    x = np.column_stack([np.ones(500), ramps(m, KNOTS)])
    n1, n = rows.ones.sum(), rows.weight.sum()
    t = np.where(y == 1, (n1 + 1) / (n1 + 2), 1 / (n - n1 + 2))

    def loss(theta):
        g = x @ theta
        value = np.average(np.logaddexp(0, g) - t * g, weights=rows.weight) + theta[1:] @ penalty @ theta[1:] / 2
        return value, (rows.weight * (expit(g) - t)) @ x / n + np.append(0.0, penalty @ theta[1:])

    options = {"ftol": 1e-16, "gtol": 1e-11, "maxiter": 5000, "maxfun": 50_000}
    bounds = [(None, None)] + [(0, None)] * 4
    best = minimize(loss, np.zeros(5), jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    found = fit_pieces(rows, KNOTS, penalty)
    theta = np.append(found["value"][0], found["slope"][1:])
    assert (theta[1:] >= 0).all()
    assert loss(theta)[0] == pytest.approx(best.fun, abs=1e-10)
    np.testing.assert_allclose(pieces(np, m, **found), x @ theta, rtol=1e-10, atol=1e-12)


def test_pieces_meet_with_one_slope_and_go_on_straight():
    m, y = sample(lambda m: np.sinh(m / 2))
    curve = SplineCalibration().fit(m, y).curves_[0]
    knots, step = curve["knots"], 1e-6
    g = lambda at: pieces(np, np.asarray(at), **curve)  # noqa: E731
    np.testing.assert_allclose((g(knots + step) - g(knots)) / step, (g(knots) - g(knots - step)) / step, rtol=1e-4)
    np.testing.assert_allclose(g(knots[-1] + 50) - g(knots[-1]), 50 * curve["slope"][-1], rtol=1e-10)
    np.testing.assert_allclose(g(knots[0]) - g(knots[0] - 50), 50 * curve["slope"][0], rtol=1e-10)


def test_line_where_the_truth_is_one():
    m, y = sample(lambda m: 0.5 * m - 0.3)
    spline, platt = SplineCalibration().fit(m, y), PlattScaling().fit(m, y)
    truth = lambda m: 0.5 * m - 0.3  # noqa: E731
    assert log_loss(spline, truth) < log_loss(platt, truth) + 0.001


@pytest.mark.parametrize(
    "truth", [lambda m: np.sinh(m / 2), lambda m: np.tanh(m) * 2.0, lambda m: np.where(m < 0, 0.3 * m, 1.5 * m)]
)
def test_curve_where_the_truth_is_one(truth):
    m, y = sample(truth, n=4000)
    best = log_loss(type("Truth", (), {"transform": staticmethod(truth)}), truth)
    spline, platt = (log_loss(make().fit(m, y), truth) - best for make in (SplineCalibration, PlattScaling))
    assert spline < 0.5 * platt
    assert spline < 0.005


def test_scores_that_differ_by_rounding_are_no_knots():
    """A third of the rows at a floor, as of logits made of probabilities: knots there, 1e-14 apart, fix nothing."""
    m, y = sample(lambda m: 0.5 * m, n=3000)
    m = np.where(m < -1.0, -27.0 + 1e-14 * np.arange(3000) % 5e-14, m)
    spline, platt = SplineCalibration().fit(m, y), PlattScaling().fit(m, y)
    p = np.mean(y[m < -20])
    assert spline.predict_proba([-27.0])[0, 1] == pytest.approx(p, abs=0.02)
    assert (np.diff(spline.curves_[0]["knots"]) > 0.01).all()
    loss = [np.mean(np.logaddexp(0, (1 - 2 * y) * each.transform(m))) for each in (spline, platt)]
    assert loss[0] < loss[1] + 1e-3


def test_knots_give_either_label_half():
    m = np.concatenate([np.linspace(-20.0, -10.0, 9900), np.linspace(0.0, 5.0, 100)])
    knots = SplineCalibration().fit(m, (m > -5).astype(int)).curves_[0]["knots"]
    assert (knots < -5).sum() == (knots > -5).sum() == 4


def test_few_rows_get_the_smoothest():
    calibrator = SplineCalibration().fit([-2.0, -1.0, 1.0, 2.0], [0, 1, 0, 1])
    assert calibrator.smoothness_.tolist() == [_SMOOTHNESS[0]]
    assert np.isfinite(calibrator.transform([-100.0, 0.0, 100.0])).all()


def test_cells_keep_the_sums():
    m, y = sample(np.sin, n=50_000)
    order = np.argsort(m)
    weight = np.random.default_rng(2).exponential(size=50_000)
    rows = Counts(m[order], (y * weight)[order], weight[order])
    cells = _cells(rows)
    assert 490 <= len(cells.m) <= 500
    assert (np.diff(cells.m) > 0).all()
    assert cells.weight.sum() == pytest.approx(weight.sum())
    assert cells.ones.sum() == pytest.approx((y * weight).sum())
    assert cells.weight @ cells.m == pytest.approx(weight @ m)
    assert cells.weight.max() < 2 * cells.weight.mean()


@pytest.mark.parametrize("bad", [1, 2.5, None])
def test_refusals(bad):
    with pytest.raises(OptionError, match=rf"SplineCalibration.fit: n_knots must be an integer ≥ 2; got {bad!r}"):
        SplineCalibration(bad).fit([0.0, 1.0], [0, 1])
