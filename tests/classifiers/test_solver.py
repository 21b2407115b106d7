"""The solver on objectives whose optimum is known otherwise, and its promises."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import sparse
from threadpoolctl import threadpool_info, threadpool_limits

from xent.classifiers import SoftmaxRegression
from xent.classifiers._solver import LinearObjective, minimise


def squares(targets, weight):
    """Least squares, 1/2 Σ_i s_i (z_i - t_i)²: a loss whose optimum linear algebra gives."""

    def row_loss(logits):
        residual = logits - targets
        return float((weight * (residual.astype(np.float64) ** 2).sum(axis=1)).sum() / 2), residual * weight[:, None]

    return row_loss


def ridge(X, targets, weight, l2, fit_intercept):
    """Return (W, b) of weighted ridge regression from its normal equations."""
    ones = np.ones((len(X), 1)) if fit_intercept else np.zeros((len(X), 0))
    A = np.hstack([X, ones])
    penalty = np.diag([l2] * X.shape[1] + [0.0] * ones.shape[1])
    solution = np.linalg.solve(A.T @ (weight[:, None] * A) + penalty, A.T @ (weight[:, None] * targets))
    return solution[: X.shape[1]].T, solution[X.shape[1] :].sum(axis=0)


def problem(fit_intercept, seed=0, n=60, d=5, m=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.logspace(-2, 2, d) + (3.0 if fit_intercept else 0.0)
    return X, rng.normal(size=(n, m)), rng.uniform(0.2, 2.0, n)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("l2", [0.0, 0.7, 50.0])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, sparse.csc_array, sparse.csr_matrix])
def test_finds_the_ridge_solution(kind, l2, fit_intercept):
    X, targets, weight = problem(fit_intercept)
    objective = LinearObjective(kind(X), squares(targets, weight), weight, l2, fit_intercept, curvature=1.0)
    solution = minimise(objective, np.zeros((3, 5)), np.zeros(3), tol=3e-8, max_iter=1000)
    coef, intercept = ridge(X, targets, weight, l2, fit_intercept)
    assert solution.gradient_norm <= 3e-8
    assert_allclose(solution.coef * X.std(axis=0), coef * X.std(axis=0), atol=1e-7)
    assert_allclose(solution.intercept, intercept, atol=1e-6)


def test_gradient_is_that_of_the_value():
    X, targets, weight = problem(True)
    objective = LinearObjective(X, squares(targets, weight), weight, 0.7, True, curvature=1.0)
    rng = np.random.default_rng(1)
    coef, intercept = rng.normal(size=(3, 5)) / np.logspace(-2, 2, 5), rng.normal(size=3)
    _, d_coef, d_intercept = objective.value_and_grad(coef, intercept)
    for step_coef, step_intercept in [(rng.normal(size=(3, 5)) * coef, np.zeros(3)), (0.0 * coef, rng.normal(size=3))]:
        values = [
            objective.value_and_grad(coef + h * step_coef, intercept + h * step_intercept)[0] for h in (1e-4, -1e-4)
        ]
        slope = (d_coef * step_coef).sum() + d_intercept @ step_intercept
        assert_allclose((values[0] - values[1]) / 2e-4, slope, rtol=1e-7)


def test_value_of_the_objective():
    """Against the formula written out."""
    X, targets, weight = problem(True)
    objective = LinearObjective(X, squares(targets, weight), weight, 0.7, True, curvature=1.0)
    coef, intercept = np.full((3, 5), 0.1), np.array([1.0, -1.0, 0.5])
    expected = (
        sum(weight[i] * ((coef @ X[i] + intercept - targets[i]) ** 2).sum() / 2 for i in range(len(X)))
        + 0.35 * (coef**2).sum()
    )
    assert_allclose(objective.value_and_grad(coef, intercept)[0], expected / weight.sum(), rtol=1e-13)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, sparse.csc_array])
def test_moments_are_the_weighted_ones(kind, dtype, fit_intercept):
    rng = np.random.default_rng(2)
    X = np.where(rng.random((500, 4)) < 0.4, rng.normal(2.0, 3.0, (500, 4)), 0.0).astype(dtype)
    weight = rng.uniform(0.0, 2.0, 500)
    objective = LinearObjective(kind(X), squares(np.zeros((500, 1)), weight), weight, 1.0, fit_intercept, 1.0)
    mean = np.average(X.astype(np.float64), axis=0, weights=weight) if fit_intercept else np.zeros(4)
    variance = np.average((X.astype(np.float64) - mean) ** 2, axis=0, weights=weight)
    assert_allclose(objective.mean, mean, rtol=1e-5 if dtype == np.float32 else 1e-12)
    assert_allclose(objective.std, np.sqrt(variance), rtol=1e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_feature_has_no_deviation(kind, dtype):
    """Though its mean is rounded: 0.1 is no binary fraction."""
    X = np.full((1000, 2), 0.1, dtype=dtype)
    X[:, 1] = np.arange(1000)
    weight = np.linspace(0.1, 1.0, 1000)
    objective = LinearObjective(kind(X), squares(np.zeros((1000, 1)), weight), weight, 0.0, True, 1.0)
    assert objective.std[0] == 0.0
    assert objective.std[1] > 200.0


def test_units_of_the_features_change_nothing():
    """Powers of two only move the exponents, so the whole path must be the same, and the gradient norm with it."""
    X, targets, weight = problem(True)
    scale = 2.0 ** np.array([40, -40, 3, 0, -7])
    solutions = []
    for features in (X, X * scale):
        objective = LinearObjective(features, squares(targets, weight), weight, 0.0, True, curvature=1.0)
        solutions.append(minimise(objective, np.zeros((3, 5)), np.zeros(3), tol=1e-8, max_iter=100))
    assert solutions[0].n_iter == solutions[1].n_iter
    assert solutions[0].gradient_norm == solutions[1].gradient_norm
    assert_allclose(solutions[1].coef * scale, solutions[0].coef, rtol=1e-14)


def test_starts_where_it_is_told_and_stays_at_an_optimum():
    X, targets, weight = problem(True)
    coef, intercept = ridge(X, targets, weight, 0.7, True)
    objective = LinearObjective(X, squares(targets, weight), weight, 0.7, True, curvature=1.0)
    solution = minimise(objective, coef, intercept, tol=1e-8, max_iter=100)
    assert solution.n_iter == 0
    assert objective.n_evaluations == 1
    assert_allclose(solution.coef, coef, rtol=1e-12)
    assert_allclose(solution.intercept, intercept, rtol=1e-12)


def test_max_iter_is_kept_and_each_step_lowers_the_value():
    X, targets, weight = problem(True)
    values = []
    for max_iter in range(1, 8):
        objective = LinearObjective(X, squares(targets, weight), weight, 0.7, True, curvature=1.0)
        solution = minimise(objective, np.zeros((3, 5)), np.zeros(3), tol=1e-12, max_iter=max_iter)
        assert solution.n_iter == max_iter
        assert not solution.stalled
        values.append(solution.value)
    assert values == sorted(values, reverse=True)
    assert len(set(values)) == len(values)


def test_says_when_rounding_ends_progress():
    X, targets, weight = problem(True)
    X = X.astype(np.float32)
    objective = LinearObjective(
        X, squares(targets.astype(np.float32), weight.astype(np.float32)), weight, 0.7, True, 1.0
    )
    solution = minimise(objective, np.zeros((3, 5)), np.zeros(3), tol=1e-14, max_iter=1000)
    assert solution.stalled
    assert solution.coef.dtype == solution.intercept.dtype == np.float32
    assert 1e-14 < solution.gradient_norm < 1e-4


@pytest.mark.parametrize(("n_rows", "few"), [(200, True), (60_000, False)])
def test_small_products_take_one_thread(n_rows, few, monkeypatch):
    """And only while the fit lasts: more are slower for a small product, and far slower on a busy machine."""

    def blas_threads():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    seen = []

    def watched(self, coef, intercept, original=LinearObjective.value_and_grad):
        seen.append(blas_threads())
        return original(self, coef, intercept)

    monkeypatch.setattr(LinearObjective, "value_and_grad", watched)
    X = np.random.default_rng(0).normal(size=(n_rows, 70))
    with threadpool_limits(2, user_api="blas"):
        SoftmaxRegression(tol=1e-2).fit(X, np.arange(n_rows) % 10)
        assert blas_threads() == {2}
    assert seen
    assert seen == [{1} if few else {2}] * len(seen)
