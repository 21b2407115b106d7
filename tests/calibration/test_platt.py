"""Platt, quadratic and beta calibration against scikit-learn, closed forms and a general minimiser."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from sklearn.calibration import _SigmoidCalibration
from sklearn.linear_model import LogisticRegression

from xent.calibration.platt import BetaCalibration, PlattScaling, QuadraticScaling


def binary(seed=0, n=500, factor=2.0):
    """Log-odds that are ``factor`` times too sure, and off by 0.6 of them."""
    random = np.random.default_rng(seed)
    honest = random.normal(size=n) * 1.5
    return factor * honest + 0.6, (random.random(n) < expit(honest)).astype(int)


def targets(y, weight=None):
    """Platt's targets."""
    weight = np.ones(len(y)) if weight is None else weight
    n1, n0 = weight[y == 1].sum(), weight[y == 0].sum()
    return np.where(y == 1, (n1 + 1) / (n1 + 2), 1 / (n0 + 2))


def by_sklearn(features, y, weight=None):
    """Coefficients and intercept with Platt's targets: each row as a 1 and as a 0 with weights t and 1 - t."""
    weight = np.ones(len(y)) if weight is None else weight
    t = targets(y, weight)
    x, label = np.concatenate([features, features]), np.repeat([1, 0], len(y))
    solver = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-13, max_iter=500)
    solver.fit(x, label, np.concatenate([weight * t, weight * (1 - t)]))
    return solver.coef_[0], float(solver.intercept_[0])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("weighted", [False, True])
def test_platt_is_sklearns_sigmoid(seed, weighted):
    m, y = binary(seed)
    weight = np.random.default_rng(seed).exponential(size=len(y)) if weighted else None
    curve = PlattScaling().fit(m, y, weight).curves_[0]
    (slope,), intercept = by_sklearn(m[:, None], y, weight)
    assert curve["slope"] == pytest.approx(slope, rel=1e-9)
    assert curve["intercept"] == pytest.approx(intercept, rel=1e-8)
    theirs = _SigmoidCalibration().fit(m, y, weight)  # stops at a gradient of 1e-6
    assert (curve["slope"], curve["intercept"]) == pytest.approx((-theirs.a_, -theirs.b_), rel=1e-4)


def test_platt_in_closed_form():
    # Two scores: the line goes through the mean targets of both.
    m, y = np.repeat([-1.0, 3.0], [10, 20]), np.array([0] * 8 + [1] * 2 + [0] * 3 + [1] * 17)
    t = targets(y)
    found = PlattScaling().fit(m, y)
    assert found.transform([-1.0, 3.0]) == pytest.approx(logit([t[:10].mean(), t[10:].mean()]), rel=1e-12)


def test_platt_finds_the_truth():
    m, y = binary(n=200_000)
    curve = PlattScaling().fit(m, y).curves_[0]
    # The standard errors are about 0.004 and 0.006.
    assert (curve["slope"], curve["intercept"]) == pytest.approx((0.5, -0.3), abs=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_quadratic_is_logistic_regression_where_that_rises(seed):
    random = np.random.default_rng(seed)
    # Two normals of different variances: log-odds with m².
    y = (random.random(2000) < 0.5).astype(int)
    m = np.where(y == 1, random.normal(2.0, 1.2, 2000), random.normal(-2.0, 1.0, 2000)).clip(-4, 4)
    (b, c), a = by_sklearn(np.stack([m, m**2], axis=1), y)
    assert b + 2 * c * m.min() > 0
    assert b + 2 * c * m.max() > 0
    found = QuadraticScaling().fit(m, y).transform(m)
    np.testing.assert_allclose(found, a + b * m + c * m**2, rtol=1e-7, atol=1e-8)


def constrained(features, y, weight=None):
    """Return the least mean loss with coefficients ≥ 0, by a general minimiser."""
    weight = np.ones(len(y)) if weight is None else weight
    t = targets(y, weight)
    x = np.column_stack([np.ones(len(y)), features])

    def loss(theta):
        g = x @ theta
        return np.average(np.logaddexp(0, g) - t * g, weights=weight), (weight * (expit(g) - t)) @ x / weight.sum()

    bounds = [(None, None)] + [(0, None)] * features.shape[1]
    options = {"ftol": 1e-16, "gtol": 1e-10, "maxiter": 2000}
    return minimize(loss, np.zeros(x.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B", options=options).fun


def loss_of(calibrator, m, y, weight=None):
    g, t = calibrator.transform(m), targets(y, weight)
    return np.average(np.logaddexp(0, g) - t * g, weights=weight)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("turned", [False, True])
def test_held_slopes_are_the_best_that_there_are(seed, turned):
    random = np.random.default_rng(seed)
    m = random.normal(size=300) * 2
    shape = -np.abs(m) if turned else m  # log-odds that turn, which no rising curve follows
    y = (random.random(300) < expit(shape)).astype(int)
    weight = random.exponential(size=300)
    beta = BetaCalibration().fit(m, y, weight)
    u, v = -np.logaddexp(0, -m), np.logaddexp(0, m)
    assert loss_of(beta, m, y, weight) == pytest.approx(constrained(np.stack([u, v], axis=1), y, weight), abs=1e-9)
    assert min(beta.curves_[0]["a"], beta.curves_[0]["b"]) >= 0
    if turned:
        assert min(beta.curves_[0]["a"], beta.curves_[0]["b"]) == 0
    low, high = m.min(), m.max()
    rises = np.stack([(m - low) - (m - low) ** 2 / (2 * (high - low)), (m - low) ** 2 / (2 * (high - low))], axis=1)
    quadratic = QuadraticScaling().fit(m, y, weight)
    assert loss_of(quadratic, m, y, weight) == pytest.approx(constrained(rises, y, weight), abs=1e-9)


def test_quadratic_is_straight_beyond_the_rows():
    m, y = binary()
    calibrator = QuadraticScaling().fit(m, y)
    for end, away in ((m.min(), -1.0), (m.max(), 1.0)):
        g = calibrator.transform(end + away * np.array([0.0, 1.0, 2.0, 100.0]))
        np.testing.assert_allclose((g[1:] - g[0]) / (g[1] - g[0]), [1.0, 2.0, 100.0], rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_beta_is_logistic_regression_on_log_p_and_log_q(seed):
    m, y = binary(seed, n=2000)
    (a, b), c = by_sklearn(np.stack([-np.logaddexp(0, -m), np.logaddexp(0, m)], axis=1), y)
    assert min(a, b) > 0
    curve = BetaCalibration().fit(m, y).curves_[0]
    assert (curve["a"], curve["b"], curve["c"]) == pytest.approx((a, b, c), rel=1e-7)


def test_beta_tells_apart_what_rounds_to_one():
    m = np.array([40.0, 60.0] * 200)  # sigmoid is 1.0 of both
    y = np.array(([0, 1] * 100) + ([1, 1] * 100))
    p = BetaCalibration().fit(m, y).predict_proba([40.0, 60.0])[:, 1]
    t = targets(y)
    assert p == pytest.approx([t[::2].mean(), t[1::2].mean()], rel=1e-6)


def test_outliers_do_not_stop_newton():
    m, y = binary(n=300)
    m[0] = 1e6
    for make in (PlattScaling, QuadraticScaling, BetaCalibration):
        before = make().fit(np.delete(m, 0), np.delete(y, 0))
        found = make().fit(m, y)
        assert math.isfinite(loss_of(found, m, y))
        assert loss_of(found, m, y) < loss_of(before, m, y) + 1e-12
