"""CORP against published numbers, closed forms and scikit-learn's scores and isotonic regression."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss

from xent.calibration._isotonic_curve import isotonic_curve
from xent.calibration.decomposition import corp
from xent.errors import OptionError

Y = [0, 0, 0, 1, 1, 1]
Z = [0.4, 0.3, 0.2, 0.1, 0.5, 0.9]


def test_numbers_of_model_diagnostics():
    parts = corp(Y, Z)
    assert parts.score == pytest.approx(0.2266667, abs=5e-8)
    assert parts.miscalibration == pytest.approx(0.1016667, abs=5e-8)
    assert parts.discrimination == pytest.approx(0.125, abs=1e-15)
    assert parts.uncertainty == 0.25
    assert parts.refinement == pytest.approx(0.125, abs=1e-15)
    (curve,) = parts.curves
    assert curve.levels.tolist() == [0.1, 0.2, 0.3, 0.4, 0.5, 0.9]
    assert curve.values.tolist() == [0.25, 0.25, 0.25, 0.25, 1.0, 1.0]
    assert curve.block.tolist() == [0, 0, 0, 0, 1, 1]


def test_closed_forms():
    # p ~ U(0, 1), P(Y=1) = p²: Brier 1/6, NLL 1/2, uncertainty 2/9, resolution 4/45, reliability 1/30; the log
    # loss of the recalibrated p² is ∫ H(p²) dp. Weights for both outcomes at 50,000 quantiles of p leave no noise.
    p = np.repeat((np.arange(50_000) + 0.5) / 50_000, 2)
    y = np.tile([1, 0], 50_000)
    weight = np.where(y == 1, p**2, 1 - p**2)
    brier = corp(y, p, sample_weight=weight)
    assert brier.score == pytest.approx(1 / 6, abs=1e-8)
    assert brier.uncertainty == pytest.approx(2 / 9, abs=1e-8)
    assert brier.discrimination == pytest.approx(4 / 45, abs=1e-8)
    assert brier.miscalibration == pytest.approx(1 / 30, abs=1e-8)
    log = corp(y, p, score="log", sample_weight=weight)
    entropy = 4 / 3 * (1 - math.log(2))  # -∫ p² log p² + (1 - p²) log(1 - p²) dp
    assert log.score == pytest.approx(0.5, abs=1e-4)  # its ends are singular: the midpoint rule errs by 1/n
    assert log.refinement == pytest.approx(entropy, abs=1e-4)
    assert log.uncertainty == pytest.approx(math.log(3) - 2 / 3 * math.log(2), abs=1e-8)
    assert log.miscalibration == pytest.approx(0.5 - entropy, abs=1e-4)


def test_samples_agree_with_closed_forms():
    # 10⁶ rows: standard errors are below 0.0003, what isotonic regression adds below 0.001.
    random = np.random.default_rng(0)
    p = random.random(1_000_000)
    parts = corp(random.random(len(p)) < p**2, p)
    assert parts.score == pytest.approx(1 / 6, abs=1e-3)
    assert parts.miscalibration == pytest.approx(1 / 30, abs=1e-3)
    assert parts.discrimination == pytest.approx(4 / 45, abs=2e-3)


#: Probabilities of three digits: scikit-learn pools what lies nearer than rounding, which is not the definition.
rows = st.lists(
    st.tuples(st.integers(0, 1000).map(lambda k: k / 1000), st.integers(0, 1), st.integers(1, 5)),
    min_size=1,
    max_size=40,
)


@given(rows, st.sampled_from(["brier", "log"]))
def test_parts_add_up_and_agree_with_scikit_learn(rows, score):
    p, y, weight = (np.array(column, float) for column in zip(*rows, strict=True))
    y = y.astype(int)
    parts = corp(y, p, score=score, sample_weight=weight)

    def mean(q):
        if score == "brier":
            return brier_score_loss(y, q, sample_weight=weight, labels=[0, 1])
        q = np.clip(q, 0, 1)
        with np.errstate(divide="ignore"):
            return np.average(-np.log(np.where(y == 1, q, 1 - q)), weights=weight)

    assert parts.score == pytest.approx(mean(p), rel=1e-9, abs=1e-12)
    recalibrated = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(p, y, weight)
    fitted = recalibrated.predict(p)
    assert parts.refinement == pytest.approx(mean(fitted), rel=1e-9, abs=1e-9)
    assert parts.uncertainty == pytest.approx(mean(np.full(len(p), np.average(y, weights=weight))), abs=1e-12)
    assert parts.curves[0](p) == pytest.approx(fitted, abs=1e-9)
    assert parts.miscalibration >= 0 and parts.discrimination >= 0
    if math.isfinite(parts.score):
        assert parts.score == pytest.approx(
            parts.miscalibration - parts.discrimination + parts.uncertainty, rel=1e-15, abs=1e-15
        )
    else:
        assert parts.miscalibration == math.inf and math.isfinite(parts.discrimination + parts.uncertainty)


@given(rows)
def test_monotone_recalibration_changes_only_miscalibration(rows):
    p, y, weight = (np.array(column, float) for column in zip(*rows, strict=True))
    y = y.astype(int)
    first, other = (corp(y, q, sample_weight=weight) for q in (p, p / 2 + 0.3))
    assert other.discrimination == pytest.approx(first.discrimination, abs=1e-12)
    (curve,) = first.curves
    again = corp(y, np.clip(curve(p), 0, 1), sample_weight=weight)
    assert again.miscalibration == pytest.approx(0, abs=1e-12)  # what is recalibrated is calibrated


def test_log_score_against_scikit_learn():
    random = np.random.default_rng(1)
    p = random.random(500)
    y = (random.random(500) < p).astype(int)
    weight = random.exponential(size=500)
    assert corp(y, p, score="log", sample_weight=weight).score == pytest.approx(
        log_loss(y, p, sample_weight=weight), rel=1e-12
    )


def test_what_was_impossible_and_happened():
    parts = corp([1, 0, 1, 0], [0.0, 0.2, 0.7, 0.4], score="log")
    assert (parts.score, parts.miscalibration) == (math.inf, math.inf)
    assert parts.uncertainty == pytest.approx(math.log(2))
    # The curve is 1/3, 1/3, 1/3, 1: three rows of entropy H(1/3).
    third = -(1 / 3 * math.log(1 / 3) + 2 / 3 * math.log(2 / 3))
    assert parts.refinement == pytest.approx(0.75 * third)
    assert parts.discrimination == pytest.approx(math.log(2) - 0.75 * third)


def test_float16_and_float32_are_taken_as_they_are():
    p = np.array([0.1, 0.3, 0.7], np.float16)
    assert corp([0, 1, 1], p).score == corp([0, 1, 1], p.astype(float)).score


def test_multiclass():
    random = np.random.default_rng(2)
    probs = random.dirichlet([1.0, 2.0, 0.5], 200)
    y = random.integers(0, 3, 200)
    weight = random.exponential(size=200)
    parts = corp(y, probs, kind="classwise", sample_weight=weight)
    squares = ((probs - np.eye(3)[y]) ** 2).sum(axis=1)
    assert parts.score == pytest.approx(np.average(squares, weights=weight), rel=1e-12)
    single = [corp(y == k, probs[:, k], sample_weight=weight) for k in range(3)]
    for part in ("miscalibration", "discrimination", "uncertainty", "refinement"):
        assert getattr(parts, part) == pytest.approx(sum(getattr(each, part) for each in single), rel=1e-12)
    assert [curve.levels.tolist() for curve in parts.curves] == [each.curves[0].levels.tolist() for each in single]
    top = corp(y, probs, kind="top-label")
    assert top.score == pytest.approx(np.mean((probs.max(axis=1) - (probs.argmax(axis=1) == y)) ** 2), rel=1e-12)


def test_no_rows():
    for parts in corp([], []), corp([1], [0.3], sample_weight=[0.0]):
        assert math.isnan(parts.score) and math.isnan(parts.refinement) and parts.n == 0
        assert len(parts.curves[0].levels) == 0


def test_rows_of_no_weight_take_no_part():
    assert corp([1, 0, 1], [0.0, 0.4, 0.6], score="log", sample_weight=[0, 2, 2]).score == pytest.approx(-math.log(0.6))


def test_pav_pools_ties_whatever_their_order():
    x = np.array([0.5, 0.5, 0.1, 0.5])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        y, weight = np.array([1.0, 0.0, 0.75, 1.0]), np.array([1.0, 2.0, 4.0, 3.0])
        curve = isotonic_curve(x[order], y[order], weight[order])
        assert curve.levels.tolist() == [0.1, 0.5]
        assert curve.weights.tolist() == [4.0, 6.0]
        assert curve.values == pytest.approx([0.7, 0.7])  # (3 + 1 + 3) / 10
        assert curve(np.array([0.0, 0.3, 1.0])) == pytest.approx([0.7, 0.7, 0.7])


def test_messages(monkeypatch):
    with pytest.raises(OptionError, match=r"^corp: score must be 'brier' or 'log'; got 'nll'\n\nhint: both are proper"):
        corp(Y, Z, score="nll")
    with pytest.raises(
        OptionError, match=r"^corp: score must be 'brier' for kind='classwise'; got 'log'\n\nhint: the log losses of"
    ):
        corp([0], [[0.4, 0.6]], score="log", kind="classwise")
