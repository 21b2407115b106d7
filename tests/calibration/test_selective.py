"""Risk-coverage against closed forms, quadrature, scipy's exact intervals, and simulation."""

import itertools
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

from xent.calibration.selective import risk_coverage
from xent.errors import DtypeError, OptionError, ShapeError, TargetError


def problem(wrong):
    """Labels and probabilities, two classes, of which these rows are wrong; the confidence is given apart."""
    wrong = np.asarray(wrong, bool)
    return np.where(wrong, 1, 0), np.tile([0.75, 0.25], (len(wrong), 1))


def curve(wrong, confidence, weight=None):
    return risk_coverage(*problem(wrong), confidence=confidence, sample_weight=weight)


def by_quadrature(wrong, confidence, weight):
    """∫ risk(c) dc, the errors coming evenly within a group of one confidence."""
    levels = np.unique(confidence)[::-1]
    mass = np.array([weight[confidence == level].sum() for level in levels]) / weight.sum()
    errors = np.array([(weight * wrong)[confidence == level].sum() for level in levels]) / weight.sum()
    ends, sums = np.append(0.0, np.cumsum(mass)), np.append(0.0, np.cumsum(errors))
    return sum(
        quad(lambda c, a=a, b=b: np.interp(c, ends, sums) / c, a, b, epsabs=1e-13, epsrel=1e-12)[0]
        for a, b in itertools.pairwise(ends)
    )


def test_by_hand():
    found = curve([0, 1, 0, 1, 1], [0.9, 0.8, 0.8, 0.5, 0.1])
    assert found.thresholds.tolist() == [0.9, 0.8, 0.5, 0.1]
    assert found.coverage == pytest.approx([0.2, 0.6, 0.8, 1.0])
    assert found.risk == pytest.approx([0.0, 1 / 3, 0.5, 0.6])
    assert found.n == 5


def test_the_largest_probability_is_the_confidence():
    y = [0, 1, 2, 2]
    probs = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8], [0.5, 0.0, 0.5]], np.float32)
    found = risk_coverage(y, probs)
    assert found.thresholds == pytest.approx([0.8, 0.6, 0.5])
    assert found.risk == pytest.approx([0.0, 0.0, 0.5])  # of equal probabilities the first is the prediction


rows = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.1, 0.4, 0.5, 0.9, 2.0, -3.0]), st.integers(1, 4)),
    min_size=1,
    max_size=20,
)


@given(rows)
def test_the_area_is_the_integral(rows):
    wrong, confidence, weight = (np.array(column, float) for column in zip(*rows, strict=True))
    found = curve(wrong, confidence, weight)
    assert found.aurc.value == pytest.approx(by_quadrature(wrong, confidence, weight), abs=1e-10)
    best = by_quadrature(wrong, 1 - wrong, weight)
    assert found.excess_aurc.value == pytest.approx(found.aurc.value - best, abs=1e-10)
    assert curve(wrong, 1 - wrong, weight).excess_aurc.value == pytest.approx(0.0, abs=1e-12)
    assert found.risk[-1] == pytest.approx(np.average(wrong, weights=weight))


@given(rows)
def test_order_and_repetition_do_not_matter(rows):
    wrong, confidence, weight = (np.array(column) for column in zip(*rows, strict=True))
    weighted = curve(wrong, confidence, weight)
    repeated = curve(np.repeat(wrong, weight)[::-1], np.exp(np.repeat(confidence, weight))[::-1])
    assert weighted.coverage == pytest.approx(repeated.coverage)
    assert weighted.risk == pytest.approx(repeated.risk)
    assert weighted.aurc.value == pytest.approx(repeated.aurc.value, abs=1e-12)


def test_closed_forms():
    # Confidence uniform on [1/2, 1], each right with that probability: risk(c) = c/4, so AURC = 1/8, and the errors,
    # 1/4 of all, in the best order have 1/4 + 3/4 log 3/4. Both outcomes with weights leave no noise.
    confidence = np.repeat(0.5 + (np.arange(20_000) + 0.5) / 40_000, 2)
    wrong = np.tile([0, 1], 20_000)
    found = curve(wrong, confidence, np.where(wrong == 1, 1 - confidence, confidence))
    assert found.aurc.value == pytest.approx(1 / 8, abs=1e-8)
    assert found.excess_aurc.value == pytest.approx(1 / 8 - (1 / 4 + 3 / 4 * math.log(3 / 4)), abs=1e-8)
    assert found.risk == pytest.approx(found.coverage / 4, abs=1e-4)


def test_near_the_mean_of_risks():
    # Geifman and El-Yaniv's mean of the risks at 1/n, 2/n, …: within log n / n.
    random = np.random.default_rng(0)
    confidence = random.random(3000)
    wrong = random.random(3000) > confidence
    order = np.argsort(-confidence)
    mean = np.mean(np.cumsum(wrong[order]) / np.arange(1, 3001))
    assert curve(wrong, confidence).aurc.value == pytest.approx(mean, abs=math.log(3000) / 3000)


@pytest.mark.parametrize("levels", [None, 8])
@pytest.mark.parametrize("weighted", [False, True])
def test_intervals_of_the_areas_cover(levels, weighted):
    # 2000 samples of 400 rows; 95 % ± 0.5 % of the simulation, and one point for the normal approximation.
    random = np.random.default_rng(1)
    aurc, excess = 1 / 8, 1 / 8 - (1 / 4 + 3 / 4 * math.log(3 / 4))
    if levels:  # eight confidences, each the middle of its share: the truth is the area of that population
        middle = 0.5 + (np.arange(levels) + 0.5) / (2 * levels)
        population = np.repeat(middle, 2)
        truth = np.tile([0, 1], levels)
        exact = curve(truth, population, np.where(truth == 1, 1 - population, population))
        aurc, excess = exact.aurc.value, exact.excess_aurc.value
    covered = np.zeros(2)
    for _ in range(2000):
        confidence = 0.5 + random.random(400) / 2
        if levels:
            confidence = middle[((confidence - 0.5) * 2 * levels).astype(int)]
        wrong = random.random(400) > confidence
        found = curve(wrong, confidence, random.integers(1, 4, 400) if weighted else None)
        for i, (estimate, value) in enumerate([(found.aurc, aurc), (found.excess_aurc, excess)]):
            covered[i] += estimate.low <= value <= estimate.high
    assert (np.abs(covered / 2000 - 0.95) <= 0.015 + 0.01).all()


@pytest.mark.parametrize(
    ("asked", "answered", "errors"), [(0.1, 1, 0), (0.2, 2, 1), (0.25, 3, 1), (0.3, 3, 1), (1, 10, 4)]
)
def test_risk_at_a_coverage(asked, answered, errors):
    found = curve([0, 1, 0, 0, 0, 1, 0, 0, 1, 1], -np.arange(10.0))
    risk = found.risk_at(asked)
    exact = stats.binomtest(errors, answered).proportion_ci(0.95, method="exact")
    assert risk.value == pytest.approx(errors / answered)
    assert (risk.low, risk.high) == (pytest.approx(exact.low, abs=1e-12), pytest.approx(exact.high, abs=1e-12))
    assert risk.n == answered


def test_risk_at_extremes_and_every_coverage_by_its_own_number():
    found = curve([1, 1], [0.2, 0.1])
    assert found.risk_at(1.0).high == 1.0 and found.risk_at(1.0).low == pytest.approx(0.025 ** (1 / 2))
    assert curve([0, 0], [0.2, 0.1]).risk_at(1).low == 0.0
    many = curve(np.zeros(997), np.arange(997.0))
    assert [many.risk_at(k / 997).n for k in range(1, 998)] == list(range(1, 998))
    assert curve(np.zeros(10), np.arange(10.0)).risk_at(0.1 * 3).n == 3  # 0.30000000000000004


def test_clopper_pearson_keeps_its_promise():
    # 2000 samples of 150 rows, the surest third answered: rows of different risks are no binomial, but vary less.
    random = np.random.default_rng(2)
    confidence = np.sort(0.5 + random.random((2000, 150)) / 2, axis=1)[:, ::-1]
    wrong = random.random(confidence.shape) > confidence
    inside = 0
    for i in range(2000):
        risk = curve(wrong[i], confidence[i]).risk_at(1 / 3)
        inside += risk.low <= np.mean(1 - confidence[i, :50]) <= risk.high
    assert inside >= 2000 * 0.95 - 3 * 9.7


def test_all_right_and_all_wrong():
    right, wrong = curve([0, 0, 0], [3, 2, 1]), curve([1, 1, 1], [3, 2, 1])
    assert (right.aurc.value, right.excess_aurc.value) == (0.0, 0.0)
    assert wrong.aurc.value == pytest.approx(1.0) and wrong.excess_aurc.value == pytest.approx(0.0, abs=1e-15)


def test_no_rows():
    for found in risk_coverage([], np.zeros((0, 3))), curve([1], [0.3], [0.0]):
        assert len(found.coverage) == 0 and found.n == 0
        assert math.isnan(found.aurc.value) and found.aurc.reason == "no rows"
        assert math.isnan(found.risk_at(0.5).value)


def test_messages(monkeypatch):
    y, probs = [0, 1], [[0.6, 0.4], [0.2, 0.8]]
    for arguments, error, message in [
        ({"y_prob": [0.6, 0.4]}, ShapeError, r"y_prob must have shape \(rows, classes\); got \(2,\)"),
        ({"y_true": [0, 2]}, TargetError, r"y_true must lie in \[0, 1\]; got 2 at row 1 \(1 such rows\)"),
        ({"y_true": ["a", "b"]}, DtypeError, r"y_true must be class indices, integers; got dtype <U1"),
        ({"y_prob": [[2.0, 1.0], [0.0, 1.0]]}, TargetError, r"y_prob must be non-negative and sum to 1"),
        ({"confidence": [0.1]}, ShapeError, r"confidence must have shape \(2,\), one number a row; got shape \(1,\)"),
        (
            {"confidence": [0.1, math.nan]},
            OptionError,
            r"confidence must be finite; got nan at row 1\n\nhint: its rank",
        ),
    ]:
        with pytest.raises(error, match=f"^risk_coverage: {message}"):
            risk_coverage(**({"y_true": y, "y_prob": probs} | arguments))
    found = risk_coverage(y, probs)
    for value in (0, 1.5, math.nan, "all"):
        with pytest.raises(OptionError, match=r"^RiskCoverage\.risk_at: coverage must lie in \(0, 1\]; got"):
            found.risk_at(value)
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    with pytest.raises(ImportError, match=r"^RiskCoverage\.risk_at: needs SciPy, which cannot be imported"):
        found.risk_at(0.5)
