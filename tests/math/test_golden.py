"""Values against 50 digits (see conftest) and against closed forms.

Tolerances are relative errors in units of 2^-52 ("eps"). An exponential amplifies the rounding of its argument, so they
grow by the largest exponent that occurs, and by nothing else: a loss of 1e-20 has as many right digits as a loss of 1.
"""

import math
from typing import Any

import numpy as np
import pytest

import xent
from xent import information

RNG = np.random.default_rng(20240229)

LOGITS = {
    "ordinary": RNG.normal(0, 2, (4, 5)),
    "wide": RNG.normal(0, 2, (1, 300)),
    "offset": RNG.integers(-40, 40, (4, 3)) / 8 + 2.0**20,
    "spread": np.array([[0.0, -300.0, -700.0], [350.0, 350.0, -350.0]]),
    "confident": np.array([[46.0, 0.0, -1.0], [0.0, 100.0, 50.0]]),
    "one class": np.array([[3.0], [-5.0]]),
}


def allowance(logits: Any, temperature: float = 1.0) -> float:
    """4 eps, and one for every unit by which a logit lies below its row's largest."""
    z = np.asarray(logits) / temperature
    return 4.0 + float((z.max(axis=-1, keepdims=True) - z).max())


@pytest.mark.parametrize("temperature", [1.0, 0.7, 3.0])
@pytest.mark.parametrize("logits", LOGITS.values(), ids=LOGITS)
def test_softmax_family(exact500, logits, temperature):
    exact = exact500
    if np.abs(logits).max() > 1e5 and temperature != 1.0:
        logits = logits - 2.0**20  # z/T would round away what is compared
    z = exact.array(logits) / exact.mp.mpf(temperature)
    normal = exact.softmax(z) > 1e-307  # what underflows has no relative precision
    tolerance = allowance(logits, temperature)
    probs = xent.softmax(logits, temperature=temperature)
    assert exact.relative_error(probs[normal], exact.softmax(z)[normal]) <= tolerance
    assert (probs[~normal] <= 1e-307).all()
    # an entry of log_softmax lies near 0 where a class is nearly certain, and is right there too
    assert exact.relative_error(xent.log_softmax(logits, temperature=temperature), exact.log_softmax(z)) <= tolerance
    # logsumexp crosses 0: its error is measured against the largest logit
    lse = xent.logsumexp(logits, temperature=temperature)
    assert exact.absolute_error(lse, exact.logsumexp(z)) <= 4 * max(1.0, np.abs(logits).max() / temperature)


@pytest.mark.parametrize("temperature", [1.0, 0.25, 3.0])
def test_sigmoids(exact500, temperature):
    exact = exact500
    z = np.array([-700.0, -46.0, -1.5, -1e-3, -1e-300, 0.0, 1e-20, 0.5, 3.0, 36.7, 46.0, 700.0]) * min(temperature, 1)
    x = exact.array(z) / exact.mp.mpf(temperature)
    one_plus = 1 + exact.each("exp", -x)
    assert exact.relative_error(xent.sigmoid(z, temperature=temperature), 1 / one_plus) <= 4 + 700
    assert exact.relative_error(xent.sigmoid(z, temperature=temperature)[2:], (1 / one_plus)[2:]) <= 4
    assert exact.relative_error(xent.log_sigmoid(z, temperature=temperature), -exact.each("log", one_plus)) <= 4 + 700


@pytest.mark.parametrize("temperature", [1.0, 0.25, 3.0])
def test_logit_and_odds(exact500, temperature):
    exact, T = exact500, exact500.mp.mpf(temperature)
    half, ulp = 0.5, 2.0**-53
    p = np.array([5e-324, 1e-300, 1e-10, 0.1, 0.25 - ulp, 0.25, 0.4999, half - ulp, half, half + 2 * ulp, half + 1e-9])
    p = np.concatenate([p, [0.75, 0.75 + 2 * ulp, 0.9, 1 - 1e-10, 1 - ulp]])
    ratio = exact.array(p) / (1 - exact.array(p))
    assert exact.relative_error(xent.logit(p, temperature=temperature), exact.each("log", ratio) * T) <= 4
    normal = p**temperature > 1e-300
    assert exact.relative_error(xent.odds(p[normal], temperature=temperature), ratio[normal] ** T) <= 6


INDEX = np.array([2, 0, 4, 1])
PROBS = RNG.dirichlet(np.ones(5), 4)
CLASS_WEIGHT = np.array([0.5, 2.0, 0.0, 1.25, 3.0])
ROW_WEIGHT = np.array([1.0, 0.0, 2.5, 0.3])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("sample_weight", [None, ROW_WEIGHT], ids=["", "sample_weight"])
@pytest.mark.parametrize("weight", [None, CLASS_WEIGHT], ids=["", "weight"])
@pytest.mark.parametrize("target", [INDEX, PROBS], ids=["index", "probs"])
def test_cross_entropy(exact, target, weight, sample_weight, smoothing, temperature, reduction):
    logits = LOGITS["ordinary"]
    options = {
        "weight": weight,
        "sample_weight": sample_weight,
        "label_smoothing": smoothing,
        "temperature": temperature,
        "reduction": reduction,
    }
    value = xent.cross_entropy(logits, target, **options)
    tolerance = 4 + allowance(logits, temperature)
    assert exact.relative_error(value, exact.cross_entropy(logits, target, **options)) <= tolerance


@pytest.mark.parametrize(
    ("logits", "target"),
    [
        ([[46.0, 0.0]], [0]),  # 1.05e-20
        ([[46.0, 0.0]], [[1.0, 0.0]]),
        ([[700.0, 0.0, 3.0]], [0]),  # 2e-303
        ([[0.0, -40.0, -41.0]], [0]),
        ([[2.0**30, 2.0**30 - 46.0]], [0]),
        ([[46.0, 0.0]], [1]),
    ],
)
def test_cross_entropy_of_confident_predictions(exact500, logits, target):
    expected = exact500.cross_entropy(logits, target)
    assert exact500.relative_error(xent.cross_entropy(logits, target), expected) <= allowance(logits)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("temperature", [1.0, 0.4])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("sample_weight", [None, [1.0, 0.25]], ids=["", "sample_weight"])
@pytest.mark.parametrize("pos_weight", [None, 3.0, [0.0, 2.0, 0.5]], ids=["", "pos_weight", "pos_weights"])
@pytest.mark.parametrize("weight", [None, [1.5, 0.0, 2.0]], ids=["", "weight"])
def test_binary_cross_entropy(exact, weight, pos_weight, sample_weight, smoothing, temperature, reduction):
    logits = np.array([[-3.25, 0.5, 7.0], [18.0, -18.0, 1.25]])
    target = np.array([[0.0, 1.0, 0.3], [1.0, 0.0, 0.8]])
    options = {
        "weight": weight,
        "pos_weight": pos_weight,
        "sample_weight": sample_weight,
        "label_smoothing": smoothing,
        "temperature": temperature,
        "reduction": reduction,
    }
    value = xent.binary_cross_entropy(logits, target, **options)
    assert exact.relative_error(value, exact.binary_cross_entropy(logits, target, **options)) <= 8 + 18 / temperature


def normalised(exact, p: Any) -> Any:
    p = exact.array(p)
    return p / p.sum(axis=-1, keepdims=True)


def exact_kl(exact, p: Any, q: Any) -> Any:
    ratio = np.where(p == 0, 1, p) / np.where(p == 0, 1, q)
    return (p * exact.each("log", ratio)).sum(axis=-1)


P = RNG.dirichlet(np.ones(6), 5)
Q = RNG.dirichlet(np.full(6, 0.3), 5)
P[0, 2:] = 0.0
P[0] /= P[0].sum()


def test_entropies_and_divergences(exact):
    p, q = normalised(exact, P), normalised(exact, Q)
    log_p, log_q = exact.each("log", np.where(p == 0, 1, p)), exact.each("log", q)
    assert exact.relative_error(information.entropy(P), -(p * log_p).sum(axis=-1)) <= 8
    assert exact.relative_error(information.cross_entropy_between(P, Q), -(p * log_q).sum(axis=-1)) <= 8
    assert exact.relative_error(information.kl_divergence(P, Q), exact_kl(exact, p, q)) <= 16
    middle = (p + q) / 2
    js = (exact_kl(exact, p, middle) + exact_kl(exact, q, middle)) / 2
    assert exact.relative_error(information.js_divergence(P, Q), js) <= 16


@pytest.mark.parametrize("distance", [1e-3, 1e-6, 1e-9, 1e-12])
def test_divergence_of_neighbours_keeps_its_digits(exact, distance):
    """Of KL ≈ δ²/2 only what the rounding of p and q themselves leaves open (eps/δ) may be lost."""
    p = np.array([0.2, 0.3, 0.5])
    q = p * (1 + np.array([distance, -distance, 0.0]))
    q /= q.sum()
    expected = exact_kl(exact, normalised(exact, p), normalised(exact, q))
    assert exact.relative_error(information.kl_divergence(p, q), expected) <= 16 + 16 / distance


def test_divergence_of_almost_disjoint_distributions(exact):
    for tiny in (1e-300, 1e-310, 5e-324):
        expected = -exact.mp.log(exact.mp.mpf(tiny))  # + tiny
        assert exact.relative_error(information.kl_divergence([1.0, 0.0], [tiny, 1.0]), expected) <= 4


@pytest.mark.parametrize("index", [True, False])
def test_brier_score(exact, index):
    target = np.array([2, 0, 5, 1, 1]) if index else Q
    weight = np.array([1.0, 2.0, 0.0, 0.5, 1.0])
    truth = exact.array(np.eye(6)[target]) if index else normalised(exact, Q)
    each = ((normalised(exact, P) - truth) ** 2).sum(axis=1)
    expected = (exact.array(weight) * each).sum() / exact.mp.mpf(4.5)
    assert exact.relative_error(information.brier_score(P, target, sample_weight=weight), expected) <= 8


def test_brier_score_is_twice_that_of_scikit_learn_for_two_classes():
    metrics = pytest.importorskip("sklearn.metrics")
    p, y = np.array([0.1, 0.6, 0.75, 0.3]), np.array([0, 1, 0, 1])
    ours = information.brier_score(np.stack([1 - p, p], axis=1), y)
    assert ours == pytest.approx(2 * metrics.brier_score_loss(y, p, scale_by_half=True), rel=1e-15)


def near(expected: float) -> Any:
    return pytest.approx(expected, rel=4 * 2.0**-52, abs=0.0)


@pytest.mark.parametrize("n_classes", [1, 2, 10, 1000, 50257])
def test_a_uniform_prediction_costs_log_k(n_classes):
    uniform = np.full((3, n_classes), 7.0)
    probs = np.full(n_classes, 1 / n_classes)
    assert xent.cross_entropy(uniform, [0, n_classes - 1, n_classes // 2]) == near(math.log(n_classes))
    assert xent.cross_entropy(uniform, [0, 0, 0], label_smoothing=0.3) == near(math.log(n_classes))
    assert xent.logsumexp(uniform[0]) == near(7 + math.log(n_classes))
    assert information.entropy(probs) == pytest.approx(math.log(n_classes), rel=1e-14)
    assert information.perplexity(math.log(n_classes)) == pytest.approx(n_classes, rel=1e-14)
    assert information.brier_score(probs, 0) == pytest.approx((n_classes - 1) / n_classes, rel=1e-13)


@pytest.mark.parametrize(
    ("p", "nats"),
    [(0.9, 0.105360515657826), (0.5, 0.693147180559945), (0.01, 4.605170185988091), (1e-9, 20.72326583694641)],
)
def test_a_prediction_of_p_costs_minus_log_p(p, nats):
    """The table of every textbook, through each function that can say it."""
    as_logits = [math.log(p), math.log1p(-p)]
    expected = pytest.approx(nats, rel=1e-14)
    assert xent.cross_entropy(as_logits, 0) == expected
    assert xent.binary_cross_entropy(xent.logit(p), 1) == expected
    assert xent.binary_cross_entropy(xent.logit(p), True) == expected
    assert -xent.log_sigmoid(xent.logit(p)) == expected
    assert -xent.log_softmax(as_logits)[0] == expected
    assert information.cross_entropy_between([1.0, 0.0], [p, 1 - p]) == expected
    assert information.kl_divergence([1.0, 0.0], [p, 1 - p]) == expected
    assert information.bits_per_token(nats) == pytest.approx(nats / 0.693147180559945, rel=1e-14)


@pytest.mark.parametrize("n_classes", [2, 10, 1000])
def test_softmax_twice_has_a_floor(n_classes):
    """Probabilities given as logits: even the perfect prediction costs log(1 + (K-1)/e)."""
    perfect = xent.softmax(np.where(np.arange(n_classes) == 0, 1000.0, 0.0))
    assert xent.cross_entropy(perfect, 0) == near(math.log1p((n_classes - 1) / math.e))


def test_sigmoid_of_probabilities_has_a_floor():
    assert xent.binary_cross_entropy([1.0, 0.0], [1, 0], reduction="none") == near(
        [math.log1p(math.exp(-1)), math.log(2.0)]
    )


def test_closed_forms_of_information():
    log2 = math.log(2.0)
    assert information.js_divergence([1.0, 0.0], [0.0, 1.0]) == near(log2)
    assert information.kl_divergence([1.0, 0.0], [0.0, 1.0]) == math.inf
    assert information.kl_divergence([0.0, 1.0], [0.5, 0.5]) == near(log2)
    assert information.cross_entropy_between([0.5, 0.5], [1.0, 0.0]) == math.inf
    assert information.entropy([0.0, 1.0, 0.0]) == 0.0
    assert information.brier_score([[1.0, 0.0], [1.0, 0.0]], [0, 1]) == 1.0
    assert information.perplexity([0.0, 2 * log2]) == near(2.0)
    assert information.perplexity([0.0, 2 * log2, math.nan], weight=[1, 3, 0]) == near(2**1.5)
    assert information.perplexity(709.7827) == pytest.approx(1.797e308, rel=1e-3)
    assert information.perplexity([709.8, math.inf]) == information.perplexity(709.8) == math.inf
    assert information.bits_per_token([0.0, 2 * log2]) == near(1.0)


def test_softened_and_sharpened_odds():
    assert xent.odds(0.75) == 3.0
    assert xent.odds([0.75, 0.2], temperature=2.0) == near([9.0, 1 / 16])
    assert xent.softmax([0.0, math.log(3.0)], temperature=0.5) == near([0.1, 0.9])
