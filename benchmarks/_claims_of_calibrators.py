"""Claims of agreement: calibrators, by their numbers and by what they make of new rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import _truth
import numpy as np
from _claims import Array, Cases, claim, drawn, networks, scores, sigmoid
from calibration import newton, softmax, temperature_netcal, temperature_probmetrics, temperature_sklearn

from xent.calibration import (
    BetaCalibration,
    HistogramBinning,
    IsotonicCalibration,
    PlattScaling,
    QuadraticScaling,
    VennAbers,
    fit_temperature,
    from_probs,
)
from xent.calibration._convex import Diagonal, Full, Rows, minimise

# --- temperature ------------------------------------------------------------------------------------------------------


def drawn_temperatures(fit: Callable[[Array, Array], Callable[[], float]]) -> Cases:
    """Yield temperatures of simulated rows and of the networks."""
    for seed, (n, n_classes) in enumerate([(200, 4), (300, 3)]):
        y, z = drawn(n, n_classes, seed)
        yield fit_temperature(z, y).temperature, fit(z, y)(), _truth.temperature(z, y)
    for y, p in networks():
        y, z = y[:5000], from_probs(p[:5000], floor=1e-7)
        yield fit_temperature(z, y).temperature, fit(z, y)(), newton(z, y, np.float64, 1e-13)


@claim(
    "temperature",
    "scikit-learn",
    "less exact",
    "it minimises the loss, which is flat to the root of its rounding",
    peer_tolerance=1e-7,
)
def _() -> Cases:
    yield from drawn_temperatures(temperature_sklearn)


@claim("temperature", "netcal", "less exact", "its minimiser stops there", peer_tolerance=1e-4)
def _() -> Cases:
    yield from drawn_temperatures(temperature_netcal)


@claim(
    "temperature", "probmetrics", "less exact", "it halves a range of 32 of log β 30 times: 3e-8", peer_tolerance=1e-7
)
def _() -> Cases:
    yield from drawn_temperatures(temperature_probmetrics)


def one_score(m: float, n_classes: int, wrong: int) -> tuple[Array, Array]:
    """Return 100 rows with one logit m and all others 0, some of them wrong."""
    z, y = np.zeros((100, n_classes)), np.zeros(100, int)
    z[:, 0], y[:wrong] = m, 1
    return y, z


@claim(
    "temperature of float32 probabilities",
    "netcal",
    "ours is right",
    "it returns 1; the truth is m / ln((K - 1) a / (1 - a))",
)
def _() -> Cases:
    from netcal.scaling import TemperatureScaling

    y, z = one_score(6.0, 3, 20)
    calibrator = TemperatureScaling()
    calibrator.fit(softmax(z).astype(np.float32), y)
    yield fit_temperature(z, y).temperature, 1 / float(calibrator.temperature[0]), _truth.of_one_score(6.0, 3, 0.8)


@claim("temperature above 15", "netcal", "ours is right", "probabilities are clipped, the logits so capped at 37")
def _() -> Cases:
    for m in (100.0, 1000.0):
        y, z = one_score(m, 3, 20)
        yield fit_temperature(z, y).temperature, temperature_netcal(z, y)(), _truth.of_one_score(m, 3, 0.8)


@claim(
    "temperature of float16 probabilities",
    "scikit-learn",
    "ours is right",
    "rows that sum to 1 ± 1e-3 are taken for logits",
)
def _() -> Cases:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    class Network(ClassifierMixin, BaseEstimator):
        classes_ = np.arange(10)

        def fit(self, x: Array, y: Array) -> Network:
            return self

        def __sklearn_is_fitted__(self) -> bool:
            return True

        def predict(self, x: Array) -> Array:
            return x.argmax(axis=1)

        def predict_proba(self, x: Array) -> Array:
            return x

    y, z = drawn(300, 10)
    p = softmax(z).astype(np.float16)
    p[p == 0] = np.float16(6e-8)
    fitted = CalibratedClassifierCV(FrozenEstimator(Network()), method="temperature").fit(p, y)
    theirs = 1 / float(fitted.calibrated_classifiers_[0].calibrators[0].beta_)
    truth = _truth.temperature(np.log(p.astype(np.float64)), y)
    yield fit_temperature(from_probs(p), y).temperature, theirs, truth


@claim(
    "temperature of 40 and 500, LBFGS",
    "probmetrics",
    "ours is right",
    "Guo et al.'s fit, ported there, ends far from it",
)
def _() -> Cases:
    import torch
    from probmetrics.calibrators import GuoTemperatureScalingCalibrator
    from probmetrics.distributions import CategoricalLogits

    for m in (100.0, 1250.0):
        y, z = one_score(m, 3, 14)
        calibrator = GuoTemperatureScalingCalibrator()
        calibrator.fit_torch(CategoricalLogits(torch.tensor(z)), torch.tensor(y))
        theirs = float(calibrator.temp_.detach())
        yield fit_temperature(z, y).temperature, theirs, _truth.of_one_score(m, 3, 0.86)


# --- curves of one log-odds -------------------------------------------------------------------------------------------

#: A weight is that many rows: of so many, Platt's targets are the bare labels.
MANY = 1e13
BARE = "it fits the bare labels, not Platt's targets, and its minimiser stops early: ours of 1e13 copies of each row"
GRID = np.linspace(-4.0, 4.0, 9)


def platt_targets(y: Array) -> Array:
    return np.where(y == 1, (y.sum() + 1) / (y.sum() + 2), 1 / (len(y) - y.sum() + 2))


@claim("Platt scaling", "scikit-learn", "less exact", "it stops at a gradient of 1e-6", peer_tolerance=1e-6)
def _() -> Cases:
    from sklearn.calibration import _SigmoidCalibration

    for seed in range(2):
        y, m = scores(seed, 150)
        theirs, (curve,) = _SigmoidCalibration().fit(m, y), PlattScaling().fit(m, y).curves_
        truth = _truth.logistic(m[:, None], platt_targets(y))
        yield (curve["intercept"], curve["slope"]), (-theirs.b_, -theirs.a_), truth


def bare(m: Array, y: Array, calibrator: Any, new: Array) -> tuple[Array, Array]:
    """Return the probabilities of new log-odds: ours, and ours where the targets are the bare labels."""
    both = calibrator.fit(m, y).predict_proba(new), calibrator.fit(m, y, np.full(len(y), MANY)).predict_proba(new)
    return both[0][:, 1], both[1][:, 1]


@claim("Platt, quadratic, beta: of the bare labels", "scikit-learn", tolerance=1e-9)
def _() -> Cases:
    from sklearn.linear_model import LogisticRegression

    for seed in range(2):
        y, m = scores(seed, 150)
        ours: list[tuple[Any, Callable[[Array], Array]]] = [
            (PlattScaling(), lambda m: m[:, None]),
            (QuadraticScaling(), lambda m: np.stack([m, m * m], axis=1)),
            (BetaCalibration(), lambda m: np.stack([np.log(sigmoid(m)), np.log(sigmoid(-m))], axis=1)),
        ]
        for calibrator, made in ours:
            theirs = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-13, max_iter=500).fit(made(m), y)
            yield bare(m, y, calibrator, GRID)[1], theirs.predict_proba(made(GRID))[:, 1]


def columns(m: Array) -> Array:
    return np.stack([sigmoid(-m), sigmoid(m)], axis=1)


@claim("Platt scaling, quadratic scaling", "probmetrics", "other definition", BARE, peer_tolerance=5e-4)
def _() -> Cases:
    from probmetrics.calibrators import BinaryLogisticCalibrator

    for seed in range(2):
        y, m = scores(seed, 150)
        for name, calibrator in (("affine", PlattScaling()), ("quadratic", QuadraticScaling())):
            theirs = BinaryLogisticCalibrator(name).fit(columns(m), y)
            ours, converted = bare(m, y, calibrator, GRID)
            yield ours, theirs.predict_proba(columns(GRID))[:, 1], converted


@claim("Platt scaling", "netcal", "other definition", BARE, peer_tolerance=1e-5)
def _() -> Cases:
    from netcal.scaling import LogisticCalibration

    y, m = scores(0, 150)
    theirs = LogisticCalibration()
    theirs.fit(sigmoid(m), y)
    ours, converted = bare(m, y, PlattScaling(), GRID)
    yield ours, theirs.transform(sigmoid(GRID)), converted


@claim("beta calibration", "betacal", "other definition", BARE, peer_tolerance=2e-4)
def _() -> Cases:
    from betacal import BetaCalibration as Theirs

    for seed in range(2):
        y, m = scores(seed, 150)
        theirs = Theirs(parameters="abm").fit(sigmoid(m), y)
        ours, converted = bare(m, y, BetaCalibration(), GRID)
        yield ours, theirs.predict(sigmoid(GRID)), converted


@claim("isotonic regression, at and between scores, ties, weights", "scikit-learn")
def _() -> Cases:
    from sklearn.isotonic import IsotonicRegression

    for seed, digits in ((0, 12), (1, 1), (2, 0)):
        y, m = scores(seed)
        m = np.round(m, digits)
        new = np.concatenate([m, np.linspace(-9, 9, 101)])
        for weight in (None, np.random.default_rng(seed).exponential(size=len(y))):
            theirs = IsotonicRegression(out_of_bounds="clip").fit(m, y, sample_weight=weight)
            ours = IsotonicCalibration(variant="pav").fit(m, y, weight)
            yield ours.predict_proba(new)[:, 1], theirs.predict(new)


@claim("isotonic regression, at the scores of its rows", "netcal")
def _() -> Cases:
    from netcal.binning import IsotonicRegression

    y, m = scores()
    p = sigmoid(m)
    theirs = IsotonicRegression()
    theirs.fit(p, y)
    yield (
        IsotonicCalibration(variant="pav").fit(from_probs(p), y).predict_proba(from_probs(p))[:, 1],
        theirs.transform(p),
    )


@claim("Venn-Abers p₀, p₁ and their number", "venn-abers")
def _() -> Cases:
    from venn_abers import VennAbers as Theirs

    for seed, digits in ((0, 12), (1, 2), (2, 1)):
        y, m = scores(seed)
        p = np.round(sigmoid(m), digits).clip(0.01, 0.99)
        new = np.concatenate([p, np.random.default_rng(seed).uniform(0.02, 0.98, 100)])
        theirs = Theirs()
        theirs.fit(np.stack([1 - p, p], axis=1), y)
        merged, both = theirs.predict_proba(np.stack([1 - new, new], axis=1))
        ours = VennAbers().fit(from_probs(p), y)
        z = from_probs(new)
        yield (*ours.predict_interval(z), ours.predict_proba(z)[:, 1]), (*both.T, merged[:, 1])


@claim(
    "histogram binning",
    "netcal",
    "other definition",
    "it has the bare share n₁/n of a bin: (p (n + 2) - 2π)/n of ours, π = (N₁ + 1)/(N + 2)",
)
def _() -> Cases:
    from netcal.binning import HistogramBinning as Theirs

    for seed in range(2):
        y, m = scores(seed)
        p, middle = sigmoid(m), (np.arange(10) + 0.5) / 10
        theirs = Theirs(10)
        theirs.fit(p, y)
        ours = HistogramBinning(10).fit(m, y).predict_proba(from_probs(middle))[:, 1]
        n = np.bincount((p * 10).astype(int), minlength=10)
        share = (y.sum() + 1) / (len(y) + 2)
        yield ours, theirs.transform(middle), (ours * (n + 2) - 2 * share) / n


@claim(
    "histogram binning, probabilities on an edge",
    "netcal",
    "ours is right",
    "it fits [.25, .5) and reads (.25, .5]; the truth is ours by hand, (1 + 2π)/(2 + 2) with π = 3/6",
)
def _() -> Cases:
    from netcal.binning import HistogramBinning as Theirs

    p, y = np.array([0.25, 0.3, 0.8, 0.9]), np.array([1, 0, 0, 1])
    theirs = Theirs(4)
    theirs.fit(p, y)
    ours = HistogramBinning(4).fit(from_probs(p), y).predict_proba(from_probs(p[:1]))[:, 1]
    yield ours, theirs.transform(p[:1]), 0.5


# --- structured scaling -----------------------------------------------------------------------------------------------


def structured(form: str) -> Cases:
    """Yield the objective at our optimum, at the peer's, and the least there is, on the peer's own features."""
    from probmetrics.calibrators import SMSCalibrator, SVSCalibrator
    from probmetrics.utils import multiclass_probs_to_logits

    rows = [(y, softmax(z)) for y, z in (drawn(400, 4), drawn(2000, 3, 1))]
    rows += [(y[:2000], p[:2000]) for y, p in networks() if p.shape[1] == 10]
    for y, p in rows:
        p = np.maximum(p, 1e-7)
        p /= p.sum(axis=1, keepdims=True)
        n, k = p.shape
        peer = (SMSCalibrator if form == "matrix" else SVSCalibrator)(opt="bfgs").fit(p, y)
        x = np.asarray(multiclass_probs_to_logits(peer.ts_.predict_proba(p)), float)
        strengths = {"intercept": 2.0 * k, "diagonal": 2.0 * k, "off_diagonal": 2.0 * k * (k - 1)}
        penalties = k / n, k / n, k * (k - 1) / n
        if form == "matrix":
            theirs, bias = peer.W_[:, :k], peer.W_[:, k]
        else:
            theirs, bias = np.diag(peer.v_), peer.b_
        shape = Full(k) if form == "matrix" else Diagonal(k)
        found = minimise(Rows(x, y, np.ones(n), lambda part: part), shape, shape.strengths(**strengths))
        d, b = found.theta[:, :-1], found.theta[:, -1]
        matrix = np.eye(k) + (d if form == "matrix" else np.diag(d[:, 0]))
        ours = _truth.penalised(x, y, matrix, b, penalties)
        # The objective is strictly convex, its curvature no less than twice the least penalty.
        least = ours - k * (k + 1) * found.gradient**2 / (4 * min(penalties))
        yield ours, _truth.penalised(x, y, theirs, bias, penalties), least


@claim(
    "objective of structured scaling, matrix",
    "probmetrics",
    "less exact",
    "BFGS ends above the least; the truth is a lower bound by the gradient",
    peer_tolerance=1e-5,
)
def _() -> Cases:
    yield from structured("matrix")


@claim(
    "objective of structured scaling, vector",
    "probmetrics",
    "less exact",
    "BFGS ends above the least; the truth is a lower bound by the gradient",
    peer_tolerance=1e-5,
)
def _() -> Cases:
    yield from structured("vector")
