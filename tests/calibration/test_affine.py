"""The affine calibrators against mpmath's Newton method, scikit-learn and SciPy; and when they hold back."""

import json
import math
import pathlib

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.special import log_softmax, softmax
from sklearn.linear_model import LogisticRegression

from xent import OptionError
from xent.calibration import Calibrator, TemperatureScaling, _convex, from_probs
from xent.calibration.affine import DirichletCalibration, MatrixScaling, StructuredScaling, VectorScaling

SHARED = pathlib.Path(__file__).parents[3] / "shared" / "data"
FIXED = {"intercept": 2.0, "diagonal": 3.0, "off_diagonal": 5.0}
ALL = [
    VectorScaling(),
    MatrixScaling(),
    DirichletCalibration(),
    StructuredScaling(**FIXED),
    StructuredScaling(form="vector", intercept=1.0, diagonal=2.0),
    StructuredScaling(),
]
each = pytest.mark.parametrize("calibrator", ALL, ids=repr)


def sample(n=300, k=4, seed=0, sharpness=2.0, bias=1.0):
    """Logits that are too sharp and lean to the later classes, with labels drawn from the honest ones."""
    random = np.random.default_rng(seed)
    honest = random.normal(size=(n, k)) * 1.5
    target = (honest + random.gumbel(size=(n, k))).argmax(axis=1)
    return sharpness * (honest + bias * np.linspace(-1, 1, k)), target


def mean_loss(logits, target):
    return -log_softmax(logits, axis=1)[np.arange(len(target)), target].mean()


def optimum(x, target, strengths):
    """Return (D, b) of the objective as the docstrings have it, by Newton's method with 40 digits; inf: held at 0."""
    n, k = len(x), len(x[0])
    free = [(a, b) for a in range(k) for b in range(k + 1) if not math.isinf(strengths[a][b])]
    theta = {entry: mpmath.mpf(0) for entry in free}
    extended = [[*row, mpmath.mpf(1)] for row in x]
    for _ in range(12):
        gradient = mpmath.matrix([strengths[a][b] * theta[a, b] for a, b in free])
        hessian = mpmath.diag([mpmath.mpf(strengths[a][b]) for a, b in free])
        for row, y in zip(extended, target, strict=True):
            z = [row[a] + sum(theta[i] * row[i[1]] for i in free if i[0] == a) for a in range(k)]
            total = sum(mpmath.exp(v) for v in z)
            p = [mpmath.exp(v) / total for v in z]
            for i, (a, b) in enumerate(free):
                gradient[i] += (p[a] - (a == y)) * row[b]
                for j, (c, d) in enumerate(free):
                    hessian[i, j] += p[a] * ((a == c) - p[c]) * row[b] * row[d]
        step = mpmath.lu_solve(hessian, gradient)
        for i, entry in enumerate(free):
            theta[entry] -= step[i]
        if mpmath.norm(step, mpmath.inf) < mpmath.mpf(10) ** -25:
            break
    full = np.zeros((k, k + 1))
    for entry, value in theta.items():
        full[entry] = float(value)
    assert n == len(target)
    return full[:, :-1], full[:, -1]


def log_probs(row, scale=1):
    row = [v * scale for v in row]
    total = mpmath.log(sum(mpmath.exp(v) for v in row))
    return [v - total for v in row]


@pytest.mark.parametrize("calibrator", ALL[:5], ids=repr)
def test_optimum_in_forty_digits(calibrator):
    k = 3
    logits, target = sample(n=25, k=k, seed=3)
    fitted = calibrator.clone().fit(logits, target)
    temperature = mpmath.mpf(TemperatureScaling().fit(logits, target).temperature_)
    with mpmath.workdps(40):
        exact = [[mpmath.mpf(v) for v in row] for row in logits]
        if isinstance(calibrator, DirichletCalibration):
            x = [[v / temperature for v in log_probs(row)] for row in exact]
        elif isinstance(calibrator, StructuredScaling):
            x = [log_probs(row, 1 / temperature) for row in exact]
        else:
            x = [[(v - sum(row) / k) / temperature for v in row] for row in exact]
        usual = {"intercept": 2 * k, "diagonal": 2 * k, "off_diagonal": 2 * k * (k - 1)}
        weak = {"diagonal": 1.0} if isinstance(calibrator, MatrixScaling) else {}
        given = {name: value for name, value in calibrator.get_params().items() if name in usual and value is not None}
        values = {**usual, **weak, **given}
        if isinstance(calibrator, VectorScaling) or calibrator.get_params().get("form") == "vector":
            values["off_diagonal"] = math.inf
        strengths = [[values["off_diagonal"]] * k + [values["intercept"]] for _ in range(k)]
        for a in range(k):
            strengths[a][a] = values["diagonal"]
        d, bias = optimum(x, target, strengths)
    assert_allclose(fitted.bias_, bias, atol=1e-8)
    unit = 1.0 if isinstance(calibrator, StructuredScaling) else float(temperature)
    matrix = np.diag(fitted.slope_) if isinstance(calibrator, VectorScaling) else fitted.matrix_
    assert_allclose(matrix, (np.eye(k) + d) / unit, atol=1e-8)
    assert fitted.strengths_ == values
    assert fitted.converged_
    assert fitted.gradient_ <= 1e-9


def test_without_penalty_it_is_multinomial_regression_on_log_probabilities():
    logits, target = sample(n=2000)
    calibrator = StructuredScaling(intercept=1e-9, diagonal=1e-9, off_diagonal=1e-9).fit(logits, target)
    x = log_softmax(logits / calibrator.temperature_, axis=1)
    peer = LogisticRegression(C=1e9, tol=1e-12, max_iter=10_000, solver="newton-cg").fit(x, target)
    assert mean_loss(calibrator.transform(logits), target) == pytest.approx(
        mean_loss(np.log(peer.predict_proba(x)), target), abs=1e-8
    )
    assert_allclose(calibrator.predict_proba(logits), peer.predict_proba(x), atol=1e-5)


# Of the last 5000 rows after a fit to the first 5000, by scipy.optimize's L-BFGS on the objective of the docstrings.
@pytest.mark.parametrize(
    ("calibrator", "expected"),
    [
        (TemperatureScaling(), 0.271559),
        (VectorScaling(), 0.237167),
        (MatrixScaling(), 0.234110),
        (DirichletCalibration(), 0.233457),
        (StructuredScaling(intercept=20, diagonal=20, off_diagonal=180), 0.233027),
    ],
    ids=repr,
)
def test_real_network(calibrator, expected):
    path = SHARED / "wideresnet-16-4-cifar-10.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here: it is never committed")
    data = np.load(path)
    target = data["ground_truth"].reshape(-1)
    logits = from_probs(data["predictions"].astype(np.float64), floor=1e-7)
    calibrated = calibrator.clone().fit(logits[:5000], target[:5000]).transform(logits[5000:])
    assert mean_loss(calibrated, target[5000:]) == pytest.approx(expected, abs=6e-7)


@pytest.mark.parametrize(("file", "gain"), [("wideresnet-16-4-cifar-10", 0.03), ("densenet-bc-100-cifar-100", 0.005)])
def test_chosen_strengths_gain_on_real_networks(file, gain):
    path = SHARED / f"{file}.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not here: it is never committed")
    data = np.load(path)
    target = data["ground_truth"].reshape(-1)
    logits = from_probs(data["predictions"], floor=1e-7)
    before, after = (
        mean_loss(each.fit(logits[:5000], target[:5000]).transform(logits[5000:]), target[5000:])
        for each in (TemperatureScaling(), StructuredScaling())
    )
    assert after < before - gain


@each
def test_a_class_without_rows_has_what_the_penalty_leaves_it(calibrator):
    # Where the objective's derivative by bias k is 0: Σ_i p_ik - n_k + strength · bias_k = 0, with n_k = 0.
    logits, target = sample(n=400)
    keep = target != 2
    fitted = calibrator.clone().fit(logits[keep], target[keep])
    assert fitted.converged_
    assert list(fitted.classes_) == [0, 1, 2, 3]
    mass = fitted.predict_proba(logits[keep])[:, 2].sum()
    assert mass > 0
    assert mass == pytest.approx(-fitted.strengths_["intercept"] * fitted.bias_[2], rel=1e-6)


@pytest.mark.parametrize("calibrator", ALL[:5], ids=repr)  # of given strengths: the folds of a choice go by the row
def test_weights_are_repetition_and_ignored_rows_are_absent(calibrator):
    logits, target = sample()
    weight = np.random.default_rng(1).integers(0, 4, size=len(target))
    weighted = calibrator.clone().fit(logits, target, weight)
    repeated = np.repeat(np.arange(len(target)), weight)
    other = calibrator.clone().fit(logits[repeated], target[repeated])
    assert_allclose(weighted.transform(logits), other.transform(logits), atol=1e-7)
    ignoring = calibrator.clone().fit(logits, np.where(weight > 0, target, -100), np.maximum(weight, 1))
    assert_allclose(ignoring.transform(logits), weighted.transform(logits), atol=1e-7)


@each
@pytest.mark.parametrize("shift", [1.0, -1e6])
def test_a_number_added_to_a_row_changes_nothing(calibrator, shift):
    logits, target = sample()
    shifted = logits + shift * np.random.default_rng(0).uniform(size=(len(logits), 1))
    fitted, other = calibrator.clone().fit(logits, target), calibrator.clone().fit(shifted, target)
    assert_allclose(fitted.transform(shifted), fitted.transform(logits), atol=1e-8)
    assert_allclose(other.predict_proba(logits), fitted.predict_proba(logits), atol=1e-7)


@pytest.mark.parametrize("calibrator", [each for each in ALL if not isinstance(each, DirichletCalibration)], ids=repr)
@pytest.mark.parametrize("factor", [0.01, 1000.0])
def test_scaled_logits_give_the_same_probabilities(calibrator, factor):
    logits, target = sample()
    expected = calibrator.clone().fit(logits, target).predict_proba(logits)
    got = calibrator.clone().fit(factor * logits, target)
    assert_allclose(got.predict_proba(factor * logits), expected, atol=1e-6)
    assert got.converged_


@pytest.mark.parametrize("factor", [0.01, 1000.0])
def test_dirichlet_converges_at_any_scale(factor):
    logits, target = sample()
    fitted = DirichletCalibration().fit(factor * logits, target)
    assert fitted.converged_
    assert mean_loss(fitted.transform(factor * logits), target) < mean_loss(logits / 2.0, target)


@each
def test_permuted_classes_give_permuted_probabilities(calibrator):
    logits, target = sample()
    order = np.array([2, 0, 3, 1])
    fitted = calibrator.clone().fit(logits, target)
    other = calibrator.clone().fit(logits[:, order], np.argsort(order)[target])
    assert_allclose(other.predict_proba(logits[:, order]), fitted.predict_proba(logits)[:, order], atol=1e-7)


@each
def test_float32_is_computed_in_float64(calibrator):
    logits, target = sample()
    small = logits.astype(np.float32)
    fitted, other = calibrator.clone().fit(small, target), calibrator.clone().fit(small.astype(np.float64), target)
    assert_allclose(fitted.transform(small), other.transform(small), atol=1e-5)
    assert fitted.converged_


@each
def test_rows_that_can_be_separated_have_an_optimum(calibrator):
    logits = np.tile(np.eye(3) * 2.0, (20, 1))
    fitted = calibrator.clone().fit(logits, np.tile([0, 1, 2], 20))
    assert fitted.reason_ == "separable"
    assert fitted.converged_
    assert (fitted.predict_proba(logits).argmax(axis=1) == np.tile([0, 1, 2], 20)).all()
    assert np.abs(fitted.transform(logits)).max() < 50


@each
def test_misleading_scores_are_said(calibrator):
    logits, target = sample(bias=0.0)
    fitted = calibrator.clone().fit(-logits, target)
    assert fitted.reason_ == "uninformative"
    assert fitted.converged_
    assert mean_loss(fitted.transform(-logits), target) < mean_loss(-logits, target)


@each
def test_constant_columns_and_rows(calibrator):
    logits, target = sample()
    logits[:, 1] = 0.5
    logits[:10] = 0.0
    fitted = calibrator.clone().fit(logits, target)
    assert fitted.converged_
    assert np.isfinite(fitted.transform(logits)).all()


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(ALL),
    st.integers(0, 10_000),
    st.integers(1, 25),
    st.integers(2, 5),
    st.floats(-3, 3).map(lambda power: 10.0**power),
)
def test_it_converges_on_anything(calibrator, seed, n, k, scale):
    random = np.random.default_rng(seed)
    logits, target = scale * random.standard_cauchy(size=(n, k)), random.integers(k, size=n)
    fitted = calibrator.clone().fit(logits, target, random.integers(1, 3, size=n))
    assert fitted.gradient_ < 1e-8  # scores of ±1e6 in units of T leave rounding of about 1e-9
    assert_allclose(fitted.predict_proba(logits).sum(axis=1), 1.0)


@each
def test_rows_in_parts_and_curvature_of_some_change_nothing(calibrator, monkeypatch):
    logits, target = sample()
    whole = calibrator.clone().fit(logits, target)
    monkeypatch.setattr(_convex, "_ENTRIES", 4 * 37)
    monkeypatch.setattr(_convex, "_FEW", 4 * 37)
    parts = calibrator.clone().fit(logits, target)
    assert_allclose(parts.transform(logits), whole.transform(logits), atol=1e-7)


@each
def test_json_code_and_module_are_the_transform(calibrator, tmp_path):
    torch = pytest.importorskip("torch")
    logits, target = sample()
    fitted = calibrator.clone().fit(logits, target)
    expected = fitted.transform(logits)
    fitted.save(tmp_path / "it.json")
    loaded = Calibrator.load(tmp_path / "it.json")
    assert_allclose(loaded.transform(logits), expected, rtol=0, atol=0)
    assert loaded.strengths_ == fitted.strengths_
    assert loaded.get_params() == fitted.get_params()
    assert "NaN" not in json.dumps(fitted.to_dict(), allow_nan=False)
    names: dict = {}
    exec(fitted.to_code(), names)
    assert_allclose(names["calibrate"](logits), expected, rtol=1e-12, atol=1e-12)
    got = fitted.to_torch()(torch.from_numpy(logits)).numpy()
    assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


def test_matrix_scaling_folds_into_the_last_layer():
    random = np.random.default_rng(0)
    hidden, weight = random.normal(size=(200, 6)), random.normal(size=(4, 6))
    target = (2 * hidden @ weight.T + random.gumbel(size=(200, 4))).argmax(axis=1)
    fitted = MatrixScaling().fit(hidden @ weight.T, target)
    folded = fitted.matrix_ @ (weight - weight.mean(axis=0))
    assert_allclose(fitted.transform(hidden @ weight.T), hidden @ folded.T + fitted.bias_, atol=1e-12)


def test_no_bias():
    logits, target = sample()
    fitted = VectorScaling(bias=False).fit(logits, target)
    assert (fitted.bias_ == 0).all()
    assert fitted.converged_
    assert mean_loss(fitted.transform(logits), target) > mean_loss(
        VectorScaling().fit_transform(logits, target), target
    )


def draws(n, bias, count, k=5):
    """Return, for each draw, the expected loss (nats) of temperature and structured scaling, above the honest one's."""
    excess, pure = [], 0
    for seed in range(count):
        random = np.random.default_rng(seed)
        lean = bias * random.normal(size=k)
        honest = random.normal(size=(n + 4000, k)) * 2.0
        truth = softmax(honest, axis=1)
        target = (honest[:n] + random.gumbel(size=(n, k))).argmax(axis=1)
        logits = 2.5 * (honest + lean)
        structured = StructuredScaling().fit(logits[:n], target)
        pure += all(math.isinf(value) for value in structured.strengths_.values())
        excess.append(
            [
                (truth[n:] * (np.log(truth[n:]) - log_softmax(each.transform(logits[n:]), axis=1))).sum(axis=1).mean()
                for each in (TemperatureScaling().fit(logits[:n], target), structured)
            ]
        )
    return np.array(excess), pure / count


@pytest.mark.parametrize("n", [100, 300])
def test_where_there_is_nothing_to_mend_it_is_temperature_scaling(n):
    excess, pure = draws(n, bias=0.0, count=30)
    # A part is let in by chance in about 16 % of draws (one standard error), three parts: 0.84³ = 0.59 have none. The
    # error of a share of 30 is 0.09.
    assert pure > 0.59 - 3 * 0.09
    # Vector scaling without penalty would lose about (2 K - 2) / (2 n): 0.04 and 0.013.
    assert (excess[:, 1] - excess[:, 0]).mean() < 0.25 * (2 * 5 - 2) / (2 * n)


def test_where_classes_are_biased_it_mends_them():
    excess, pure = draws(2000, bias=0.7, count=10)
    assert pure == 0
    assert (excess[:, 1] < 0.25 * excess[:, 0]).all()
    # Learning 5 numbers costs 5 / (2 n) = 0.00125 where one knows which; the choice may cost as much as 15 more.
    assert excess[:, 1].mean() < 20 / (2 * 2000)


@pytest.mark.parametrize(
    ("calibrator", "words"),
    [
        (VectorScaling(l2=0.0), "VectorScaling.fit: l2 must be a finite number above 0; got 0.0"),
        (MatrixScaling(off_diagonal=-1.0), "MatrixScaling.fit: off_diagonal must be a finite number above 0; got -1.0"),
        (
            DirichletCalibration(intercept=math.inf),
            "DirichletCalibration.fit: intercept must be a finite number above 0",
        ),
        (
            StructuredScaling(diagonal="many"),
            "StructuredScaling.fit: diagonal must be a finite number above 0; got 'many'",
        ),
        (StructuredScaling(form="full"), "StructuredScaling.fit: form must be 'matrix' or 'vector'; got 'full'"),
    ],
    ids=repr,
)
def test_options_are_checked(calibrator, words):
    with pytest.raises(OptionError, match=words):
        calibrator.fit(*sample())


@each
def test_minus_infinity_is_refused_with_what_to_do(calibrator):
    logits, target = sample()
    logits[7, 1] = -np.inf
    with pytest.raises(OptionError, match=r"fit: logits must be finite; got -inf at row 7\n\nhint: .*floor=1e-7"):
        calibrator.clone().fit(logits, target)
    fitted = calibrator.clone().fit(*sample())
    assert np.isnan(fitted.transform(np.array([[0.0, np.nan, 1.0, 2.0]]))).all()


@each
def test_a_row_with_minus_infinity_is_never_a_finite_answer(calibrator):
    fitted = calibrator.clone().fit(*sample())
    assert not np.isfinite(fitted.transform(np.array([[0.0, -np.inf, 1.0, 2.0]]))).all()


def test_rows_wanted_grows_with_what_is_learnt():
    assert TemperatureScaling.rows_wanted(10) <= StructuredScaling.rows_wanted(10) <= VectorScaling.rows_wanted(10)
    assert VectorScaling.rows_wanted(10) < MatrixScaling.rows_wanted(10) == DirichletCalibration.rows_wanted(10)


@each
@pytest.mark.parametrize("factor", [1.0, 1e4])
def test_misleading_scores_of_any_scale(calibrator, factor):
    # Their temperature would be infinite: D moves away from them in units of their own spread.
    logits = np.random.default_rng(58).standard_cauchy(size=(150, 3))
    fitted = calibrator.clone().fit(factor * logits, logits.argmin(axis=1))
    assert fitted.reason_ == "uninformative"
    assert fitted.converged_
    if not isinstance(calibrator, DirichletCalibration):
        plain = calibrator.clone().fit(logits, logits.argmin(axis=1))
        assert_allclose(fitted.predict_proba(factor * logits), plain.predict_proba(logits), atol=1e-6)
