"""SoftmaxRegression against scikit-learn's LogisticRegression, hand-written objectives, and its own certificate."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize, sparse, special
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from xent.classifiers import SoftmaxRegression
from xent.errors import OptionError, ShapeError, TargetError
from xent.losses import CrossEntropy, Focal

KINDS = [np.asarray, sparse.csr_array, sparse.csc_array, sparse.csr_matrix]


@parametrize_with_checks(
    [
        SoftmaxRegression(),
        SoftmaxRegression(loss=CrossEntropy(label_smoothing=0.1), warm_start=True),
        SoftmaxRegression(class_weight="balanced"),
    ]
)
def test_scikit_learns_protocol(estimator, check):
    check(estimator)


def data(n=200, d=6, n_classes=4, seed=0):
    """Return rows whose classes overlap, features of unlike mean and scale, and uneven class sizes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    logits = X @ rng.normal(size=(d, n_classes)) + np.linspace(0.0, 1.5, n_classes)
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    y[:n_classes] = np.arange(n_classes)
    return X * np.logspace(-1, 1, d) + np.linspace(-2, 2, d), y


def distributions(n, n_classes, seed=1):
    return np.random.default_rng(seed).dirichlet(np.ones(n_classes), n)


def objective(coef, intercept, X, target, weight, l2):
    """Return the objective and its gradients, from SciPy's softmax; ``target`` is (n, K)."""
    logits = X @ coef.T + intercept
    value = -(weight[:, None] * target * special.log_softmax(logits, axis=1)).sum() + 0.5 * l2 * (coef**2).sum()
    dlogits = weight[:, None] * (special.softmax(logits, axis=1) - target)
    total = weight.sum()
    return value / total, (dlogits.T @ X + l2 * coef) / total, dlogits.sum(axis=0) / total


def one_hot(y, n_classes):
    return np.eye(n_classes)[y]


def minimum(X, target, weight, l2, start=None):
    """Return (W, b) by SciPy's BFGS on the objective above: another method, no scaling."""
    n_classes, d = target.shape[1], X.shape[1]

    def flat(parameters):
        W = parameters.reshape(n_classes, d + 1)
        value, d_coef, d_intercept = objective(W[:, :d], W[:, d], X, target, weight, l2)
        return value, np.column_stack([d_coef, d_intercept]).ravel()

    found = optimize.minimize(flat, np.zeros(n_classes * (d + 1)), jac=True, method="BFGS", options={"gtol": 1e-8})
    W = found.x.reshape(n_classes, d + 1)
    return W[:, :d] - W[:, :d].mean(axis=0), W[:, d] - W[:, d].mean()


# Against scikit-learn ------------------------------------------------------------------------------------------------


def assert_same_optimum(model, reference, X, target, l2, atol=1e-6):
    """Same coefficients for features of unit deviation, same intercept up to its shift, same value of the objective."""
    deviation = X.std(axis=0)
    assert_allclose(model.coef_ * deviation, reference.coef_ * deviation, atol=atol)
    at_mean = X.mean(axis=0)
    for_mean = reference.intercept_ + reference.coef_ @ at_mean
    assert_allclose(model.intercept_ + model.coef_ @ at_mean, for_mean - for_mean.mean(), atol=atol)
    value = objective(reference.coef_, reference.intercept_, X, target, np.ones(len(X)), l2)[0]
    assert_allclose(model.objective_, value, rtol=1e-10)


@pytest.mark.parametrize(("l2", "tol"), [(1.0, 2e-9), (10.0, 1e-8), (100.0, 1e-8)])
def test_optimum_of_scikit_learn_on_digits(l2, tol):
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = SoftmaxRegression(l2=l2, tol=tol).fit(X, y)
    reference = LogisticRegression(C=1 / l2, solver="newton-cholesky", tol=1e-10).fit(X, y)
    assert_same_optimum(model, reference, X, one_hot(y, 10), l2, atol=1e-5)
    assert_array_equal(model.predict(X), reference.predict(X))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n_classes", [3, 5])
def test_optimum_of_scikit_learn_on_random_problems(n_classes, seed):
    X, y = data(n=150, n_classes=n_classes, seed=seed)
    l2 = 10.0 ** np.random.default_rng(seed).uniform(-1, 2)
    model = SoftmaxRegression(l2=l2, tol=1e-8).fit(X, y)
    reference = LogisticRegression(C=1 / l2, solver="newton-cholesky", tol=1e-10).fit(X, y)
    assert_same_optimum(model, reference, X, one_hot(y, n_classes), l2)
    assert_allclose(model.predict_proba(X), reference.predict_proba(X), atol=1e-7)


@pytest.mark.parametrize("l2", [0.5, 20.0])
def test_two_classes_are_scikit_learns_with_twice_the_c(l2):
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = SoftmaxRegression(l2=l2, tol=1e-8).fit(X, y)
    reference = LogisticRegression(C=2 / l2, solver="newton-cholesky", tol=1e-10).fit(X, y)
    assert_allclose(model.coef_[1] - model.coef_[0], reference.coef_[0], atol=1e-5)
    assert_allclose(model.coef_[1], -model.coef_[0], atol=1e-12)
    assert_allclose(model.decision_function(X), reference.decision_function(X), atol=1e-4)
    assert_allclose(model.predict_log_proba(X), reference.predict_log_proba(X), atol=1e-4)


def test_without_intercept():
    X, y = data()
    model = SoftmaxRegression(fit_intercept=False, tol=1e-8).fit(X, y)
    reference = LogisticRegression(fit_intercept=False, solver="newton-cholesky", tol=1e-10).fit(X, y)
    assert_allclose(model.coef_, reference.coef_, atol=1e-6)
    assert_array_equal(model.intercept_, np.zeros(4))


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5, 2: 1.0, 3: 2.0}, {0: 4.0}])
def test_class_and_sample_weights_are_scikit_learns(class_weight):
    X, y = data()
    weight = np.random.default_rng(3).uniform(0.0, 2.0, len(y))
    model = SoftmaxRegression(class_weight=class_weight, tol=1e-8).fit(X, y, sample_weight=weight)
    reference = LogisticRegression(class_weight=class_weight, solver="newton-cholesky", tol=1e-10)
    reference.fit(X, y, sample_weight=weight)
    assert_allclose(model.coef_, reference.coef_, atol=1e-5)


def test_cross_validation_gives_scikit_learns_scores():
    X, y = load_iris(return_X_y=True)
    ours = make_pipeline(StandardScaler(), SoftmaxRegression(tol=1e-8))
    theirs = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky", tol=1e-10))
    for scoring, tolerance in [("accuracy", 0.0), ("neg_log_loss", 1e-7)]:
        scores = cross_val_score(ours, X, y, scoring=scoring)
        assert_allclose(scores, cross_val_score(theirs, X, y, scoring=scoring), atol=tolerance, rtol=0)


# Against what a fit must be equal to ---------------------------------------------------------------------------------


def test_a_weight_is_a_repetition():
    X, y = data()
    times = np.random.default_rng(4).integers(0, 4, len(y))
    times[:4] = 1
    weighted = SoftmaxRegression(tol=1e-8).fit(X, y, sample_weight=times)
    repeated = SoftmaxRegression(tol=1e-8).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    assert_allclose(weighted.coef_, repeated.coef_, atol=1e-6)
    assert_allclose(weighted.objective_, repeated.objective_, rtol=1e-12)


def test_a_probability_target_is_a_weighted_row_for_each_class():
    X, _ = data()
    probs = distributions(len(X), 4)
    weight = np.random.default_rng(5).uniform(0.5, 2.0, len(X))
    model = SoftmaxRegression(tol=1e-8).fit(X, probs, sample_weight=weight)
    reference = LogisticRegression(solver="newton-cholesky", tol=1e-10)
    reference.fit(np.repeat(X, 4, axis=0), np.tile(np.arange(4), len(X)), (weight[:, None] * probs).ravel())
    assert_allclose(model.coef_, reference.coef_, atol=1e-6)
    assert_array_equal(model.classes_, [0, 1, 2, 3])
    assert_array_equal(model.predict(X), reference.predict(X))


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 2: 0.5}])
def test_one_hot_rows_are_labels(class_weight):
    X, y = data()
    labels = SoftmaxRegression(class_weight=class_weight).fit(X, y)
    rows = SoftmaxRegression(class_weight=class_weight).fit(X, one_hot(y, 4))
    assert_allclose(rows.coef_, labels.coef_, atol=1e-9)


def test_label_smoothing_against_a_hand_written_objective():
    X, y = data()
    weight = np.random.default_rng(6).uniform(0.5, 2.0, len(X))
    smoothed = 0.8 * one_hot(y, 4) + 0.2 / 4
    model = SoftmaxRegression(loss=CrossEntropy(label_smoothing=0.2), l2=3.0, tol=1e-8).fit(X, y, sample_weight=weight)
    coef, intercept = minimum(X, smoothed, weight, 3.0)
    assert_allclose(model.coef_, coef, atol=1e-5)
    assert_allclose(model.intercept_, intercept, atol=1e-5)
    assert_allclose(model.objective_, objective(coef, intercept, X, smoothed, weight, 3.0)[0], rtol=1e-10)


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_is_dense(dtype, kind):
    X, y = data()
    X = np.where(np.random.default_rng(7).random(X.shape) < 0.3, X, 0.0).astype(dtype)
    dense, other = SoftmaxRegression().fit(X, y), SoftmaxRegression().fit(kind(X), y)
    atol = 1e-3 if dtype == np.float32 else 1e-9
    assert_allclose(other.coef_, dense.coef_, atol=atol)
    assert_allclose(other.predict_proba(kind(X)), dense.predict_proba(X), atol=atol)


def test_sparse_features_stay_sparse():
    """Dense, these features would be 80 GB."""
    rows, n = np.arange(10_000), 10_000
    X = sparse.csr_array((np.ones(n), (rows, 100 * rows)), shape=(n, 1_000_000))
    model = SoftmaxRegression(l2=1e-2, max_iter=5, tol=1e-3).fit(X, rows % 2)
    assert_array_equal(model.predict(X), rows % 2)


def test_float32_is_close_to_float64():
    X, y = data()
    double, single = SoftmaxRegression().fit(X, y), SoftmaxRegression().fit(X.astype(np.float32), y)
    assert single.coef_.dtype == single.intercept_.dtype == np.float32
    assert single.predict_proba(X.astype(np.float32)).dtype == np.float32
    assert_allclose(single.tolerance_, 2.4e-5, rtol=0.01)
    assert_allclose(single.objective_, double.objective_, rtol=1e-6)
    assert_allclose(single.predict_proba(X), double.predict_proba(X), atol=1e-3)


def test_units_of_the_features_do_no_harm():
    """Thirteen orders of magnitude apart, where a gradient in the features' own units converges by none of them."""
    X, y = data()
    scale = np.logspace(-6, 7, 6)
    model = SoftmaxRegression(l2=0.0, tol=1e-8).fit(X * scale, y)
    reference = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(X, y)
    assert model.converged_
    assert_allclose(model.coef_ * scale, reference.coef_, atol=1e-5)


def test_more_features_than_rows_and_features_that_say_nothing():
    rng = np.random.default_rng(8)
    X = rng.normal(size=(20, 50))
    X = np.column_stack([X, X[:, :3], np.full(20, 0.1), np.zeros(20)])
    y = np.arange(20) % 3
    model = SoftmaxRegression(tol=1e-8).fit(X, y)
    reference = LogisticRegression(solver="newton-cholesky", tol=1e-10).fit(X, y)
    assert_allclose(model.coef_, reference.coef_, atol=1e-6)
    assert_array_equal(model.coef_[:, 50:53], model.coef_[:, :3])
    assert_allclose(model.coef_[:, 53:], 0.0, atol=1e-15)


# The certificate -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_certificate_is_true(kind, fit_intercept, dtype):
    """Value and gradient, from the stored coefficients and the documented formula, in float64."""
    X, y = data()
    X = X.astype(dtype)
    weight = np.random.default_rng(9).uniform(0.0, 2.0, len(y))
    model = SoftmaxRegression(l2=0.3, fit_intercept=fit_intercept, class_weight={0: 2.0})
    model.fit(kind(X), y, sample_weight=weight)
    s = weight * np.where(y == 0, 2.0, 1.0)
    X, coef = X.astype(np.float64), model.coef_.astype(np.float64)
    value, d_coef, d_intercept = objective(coef, model.intercept_.astype(np.float64), X, one_hot(y, 4), s, 0.3)
    mean = np.average(X, axis=0, weights=s) if fit_intercept else np.zeros(X.shape[1])
    std = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=s))
    entries = (d_coef - np.multiply.outer(d_intercept, mean)) / std
    norm = max(np.abs(entries).max(), np.abs(d_intercept).max() if fit_intercept else 0.0)
    rounding = 1e-6 if dtype == np.float32 else 1e-13
    assert_allclose(model.gradient_norm_, norm, atol=rounding)
    assert_allclose(model.objective_, value, rtol=10 * rounding)
    assert norm <= model.tolerance_ + rounding
    assert model.converged_


def test_stops_short_with_a_warning_that_says_what_to_do():
    X, y = data()
    with pytest.warns(ConvergenceWarning) as caught:
        model = SoftmaxRegression(max_iter=3).fit(X, y)
    assert not model.converged_
    assert model.n_iter_ == 3
    assert str(caught[0].message) == (
        f"SoftmaxRegression.fit: gradient_norm_ must fall to 1e-06; got {model.gradient_norm_:.3g} after max_iter=3 "
        "iterations\n\nhint: raise max_iter, or l2: a stronger penalty converges sooner"
    )
    assert caught[0].filename == __file__


def test_rounding_that_ends_progress_is_said():
    X, y = data()
    X = (X + 3e4).astype(np.float32)
    with pytest.warns(ConvergenceWarning, match="where rounding in float32 ended progress\n\nhint: pass X as float64"):
        model = SoftmaxRegression().fit(X, y)
    assert not model.converged_
    assert model.n_iter_ < 1000


def test_separable_classes_without_penalty_are_said():
    X, y = load_iris(return_X_y=True)
    two = y < 2
    with pytest.warns(ConvergenceWarning, match="classes must not be separable with l2=0.*\n\nhint: set l2 above 0"):
        model = SoftmaxRegression(l2=0.0).fit(X[two], y[two])
    assert model.gradient_norm_ <= 1e-6
    assert_array_equal(model.predict(X[two]), y[two])


def test_classes_that_overlap_need_no_penalty():
    X, y = data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = SoftmaxRegression(l2=0.0, tol=1e-8).fit(X, y)
        smoothed = SoftmaxRegression(CrossEntropy(label_smoothing=0.1), l2=0.0).fit(*load_iris(return_X_y=True))
    reference = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10).fit(X, y)
    assert_allclose(model.coef_, reference.coef_, atol=1e-5)
    assert smoothed.objective_ > 0.9 * -np.log(0.9 + 0.1 / 3)


def test_warm_start_is_shorter_and_ends_at_the_same_optimum():
    X, y = data()
    model = SoftmaxRegression(warm_start=True, tol=1e-8).fit(X, y)
    cold = SoftmaxRegression(l2=1.1, tol=1e-8).fit(X, y)
    first = model.n_iter_
    model.set_params(l2=1.1).fit(X, y)
    assert model.n_iter_ < min(first, cold.n_iter_)
    assert_allclose(model.coef_, cold.coef_, atol=1e-6)
    model.fit(X, y)
    assert model.n_iter_ == 0
    other = y % 3
    model.fit(X, other)
    assert_allclose(model.coef_, SoftmaxRegression(l2=1.1, tol=1e-8).fit(X, other).coef_, atol=1e-12)


def test_pickle_and_clone():
    X, y = data()
    model = SoftmaxRegression(CrossEntropy(label_smoothing=0.1), l2=2.0).fit(X, np.array(list("abcd"))[y])
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    assert clone(model).get_params() == model.get_params()
    assert set(model.predict(X)) <= set("abcd")


def test_log_probabilities_do_not_underflow():
    model = SoftmaxRegression(l2=1e-3).fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    log_probs = model.predict_log_proba([[1e4]])
    logits = np.array([[1e4]]) @ model.coef_.T + model.intercept_
    assert_allclose(log_probs, special.log_softmax(logits, axis=1), rtol=1e-14)
    assert log_probs[0, 0] < -745.0


# Refusals ------------------------------------------------------------------------------------------------------------


class Shifted(CrossEntropy):
    name, convex, shift_invariant = "shifted", True, False


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": Focal()}, "loss must be convex and shift-invariant; got .*, which is not convex"),
        ({"loss": "cross_entropy(z_loss=0.1)"}, "which is not convex"),
        ({"loss": Shifted()}, "which is not unchanged by a shift of all logits"),
        ({"loss": "cross_entropie"}, "loss must be one of"),
        ({"l2": -1.0}, "l2 must be a finite number ≥ 0; got -1.0"),
        ({"l2": np.nan}, "l2 must be a finite number ≥ 0; got nan"),
        ({"tol": 0.0}, "tol must be a finite number above 0; got 0.0"),
        ({"max_iter": 0}, "max_iter must be an integer ≥ 1; got 0"),
        ({"max_iter": 2.5}, "max_iter must be an integer ≥ 1; got 2.5"),
        ({"class_weight": "equal"}, "class_weight must be a dict, 'balanced' or None; got 'equal'"),
        ({"class_weight": {0: -1.0}}, "class_weight must be finite and not negative; got -1"),
        ({"class_weight": dict.fromkeys(range(4), 0.0)}, "must leave some row a weight above 0; got 0 for all"),
    ],
)
def test_parameters_out_of_range(parameters, message):
    with pytest.raises(OptionError, match=message):
        SoftmaxRegression(**parameters).fit(*data())


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (np.zeros(200), TargetError, "y must hold at least 2 classes; got 1 class, 0.0"),
        (np.zeros((200, 3), dtype=int), ShapeError, r"got shape \(200, 3\), dtype int64"),
        (np.full((200, 4), 0.3), TargetError, "y must be non-negative and sum to 1 over the classes; got a sum of 1.2"),
        (np.full((200, 2), np.nan), TargetError, "got nan at row 0"),
        (np.full((3, 2), 0.5), ValueError, "inconsistent numbers of samples"),
        (np.linspace(0, 1, 200), ValueError, "Unknown label type: continuous"),
    ],
)
def test_targets_that_are_none(y, error, message):
    with pytest.raises(error, match=message):
        SoftmaxRegression().fit(data()[0], y)


def test_features_whose_squares_overflow():
    X, y = data()
    X[0, 0] = 1e200
    with np.errstate(over="ignore"), pytest.raises(OptionError, match="X must have finite squares"):
        SoftmaxRegression().fit(X, y)
