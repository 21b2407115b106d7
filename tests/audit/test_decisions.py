"""What an audit was asked for beyond a temperature: other calibrators, promises, unknown inputs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from xent import DataError, OptionError
from xent.audit import Options
from xent.audit.calibrators import name_of
from xent.audit.options import CALIBRATORS
from xent.calibration import PlattScaling, QuadraticScaling, StructuredScaling, TemperatureScaling, VectorScaling
from xent.calibration.choose import default_candidates
from xent.decisions import Goal, ood

from .factories import ArraySource, audit, calibrated, result_of, softmax, split_of

BIAS = np.linspace(-1.5, 1.5, 4)


def biased(n: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    logits, label = calibrated(n, 4, seed)
    return logits + BIAS, label


# Calibrators ---------------------------------------------------------------------------------------------------------


def test_the_calibrator_asked_for_is_fitted_on_the_calibration_rows_and_scores_the_others():
    logits, label = biased(3000)
    outcome = audit(ArraySource(logits, label, split=split_of(3000)), Options(calibrator="vector"))
    by_hand = VectorScaling().fit(logits[:1500], label[:1500])
    probs = by_hand.predict_proba(logits[1500:])
    loss = -np.log(probs[np.arange(1500), label[1500:]]).mean()
    result = outcome.result
    assert result["calibration"]["method"] == "vector"
    assert result["calibration"]["calibrator"]["fit_rows"] == 1500
    assert result["scores"]["after"]["nll"]["value"] == pytest.approx(loss, rel=1e-6)
    np.testing.assert_allclose(outcome.policy.decide(logits[1500:]).probs, probs, rtol=1e-6)


def test_auto_takes_the_one_of_least_cross_validated_loss():
    logits, label = biased(3000)
    outcome = audit(ArraySource(logits, label, split=split_of(3000)), Options(calibrator="auto"))
    comparison = outcome.result["calibration"]["comparison"]
    assert isinstance(outcome.policy.calibrator, StructuredScaling)
    assert outcome.result["calibration"]["method"] == "structured"
    chosen = [each for each in comparison["candidates"] if each["chosen"]]
    assert [each["name"] for each in chosen] == [repr(StructuredScaling())]
    by_name = {each["name"]: each for each in comparison["candidates"]}
    assert by_name["TemperatureScaling()"]["behind"]["low"] > 0.05
    assert "XA206" not in {finding["code"] for finding in outcome.result["findings"]}


def test_a_cross_fit_scores_no_row_with_a_calibrator_that_its_half_chose_or_fitted():
    """Labels of one half are turned to noise: its own calibrator is spoilt, so the *other* half must suffer."""
    logits, label = biased(4000)
    source = ArraySource(logits, label)
    state_rows = audit(source, Options(calibrator="auto"))
    assert state_rows.result["design"]["mode"] == "cross-fit"
    from xent.audit.engine import run

    state = run(source, Options(calibrator="auto"))
    half = np.concatenate([rows.fit for rows in state.rows("", lambda *_: None)])
    spoilt = label.copy()
    spoilt[half == 0] = np.random.default_rng(0).integers(0, 4, (half == 0).sum())
    other = run(ArraySource(logits, spoilt), Options(calibrator="auto"))
    honest = state.calibrators[1].transform(logits[:5])  # of half 1: it scores half 0
    np.testing.assert_array_equal(other.calibrators[1].transform(logits[:5]), honest)
    assert np.abs(other.calibrators[0].transform(logits[:5]) - state.calibrators[0].transform(logits[:5])).max() > 0.5


def test_the_comparison_is_there_whatever_was_asked_for():
    logits, label = biased(1000)
    result = result_of(ArraySource(logits, label))
    comparison = result["calibration"]["comparison"]
    assert (comparison["asked"], comparison["folds"], comparison["rows"]) == ("temperature", 5, 1000)
    plain = -np.log(softmax(logits)[np.arange(1000), label]).mean()
    assert comparison["uncalibrated"]["value"] == pytest.approx(plain, rel=1e-9)
    assert [each["name"] for each in comparison["candidates"] if each["chosen"]] == ["TemperatureScaling()"]
    behind = [each["behind"]["value"] for each in comparison["candidates"]]
    assert behind[0] == 0.0
    assert behind == sorted(behind)


def test_why_nothing_was_compared_is_said_as_it_is():
    """One label of probability 0: every calibrator's loss on it is infinite, and rows there are enough."""
    logits, label = calibrated(400, 3)
    probs = softmax(logits)
    probs[3, label[3]] = 0.0
    result = result_of(ArraySource(probs / probs.sum(axis=1, keepdims=True), label, kind="probs"))
    comparison = result["calibration"]["comparison"]
    assert comparison["candidates"] == []
    assert comparison["reason"].startswith("no calibrator could be compared: a candidate must take these rows")
    assert comparison["reason"].endswith("its loss is infinite")


def test_few_rows_are_not_compared():
    result = result_of(ArraySource(np.eye(3)[[0, 1, 2, 0]] * 2.0, [0, 1, 2, 1]))
    comparison = result["calibration"]["comparison"]
    assert comparison["candidates"] == []
    assert comparison["reason"].startswith("the rows that may be learnt from are too few")


def test_an_unknown_calibrator_is_refused():
    with pytest.raises(OptionError, match=r"calibrator must be one of temperature, .*; got 'magic'"):
        Options(calibrator="magic")


def with_a_zero() -> ArraySource:
    """Biased probabilities, of which one is 0, in row 37: most rows make a matrix the best calibrator."""
    logits, label = biased(3000)
    probs = softmax(logits)
    probs[37] = [0.0, 0.5, 0.25, 0.25]
    label[37] = 1
    return ArraySource(probs, label, kind="probs")


@pytest.mark.parametrize("asked", ["structured", "vector", "matrix", "dirichlet", "platt", "quadratic", "beta"])
def test_a_calibrator_that_cannot_take_zeros_says_so(asked):
    words = rf"^xent audit: --calibrator {asked} must have finite logits; got -inf at row 37, a probability of 0"
    with pytest.raises(DataError, match=words):
        audit(with_a_zero(), Options(calibrator=asked))


@pytest.mark.parametrize("asked", ["temperature", "ensemble", "isotonic", "auto"])
def test_other_calibrators_score_every_row_of_a_table_with_zeros(asked):
    """One half has no zero: what fits it best could not score the other."""
    outcome = audit(with_a_zero(), Options(calibrator=asked))
    assert outcome.result["calibration"]["method"] == ("temperature" if asked == "auto" else asked)
    compared = {each["name"] for each in outcome.result["calibration"]["comparison"]["candidates"]}
    assert "StructuredScaling()" not in compared
    assert outcome.policy.decide([0.0, 0.5, 0.25, 0.25]).probs[0, 0] < 0.01


@pytest.mark.parametrize("n_classes", [2, 3, 301])
def test_whatever_auto_may_choose_can_be_asked_for(n_classes):
    assert {name_of(each) for each in default_candidates(n_classes)} <= set(CALIBRATORS) - {"auto"}


@pytest.mark.parametrize("name", ["platt", "quadratic"])
def test_calibrators_of_two_classes(name):
    random = np.random.default_rng(0)
    m = 2.0 * random.normal(size=4000)
    label = (random.random(4000) < 1.0 / (1.0 + np.exp(-2.0 * m - 1.0))).astype(int)
    logits = np.stack([-m / 2, m / 2], axis=1)
    outcome = audit(ArraySource(logits, label, split=split_of(4000)), Options(calibrator=name))
    kind = {"platt": PlattScaling, "quadratic": QuadraticScaling}[name]
    probs = kind().fit(logits[:2000], label[:2000]).predict_proba(logits[2000:])
    assert outcome.result["calibration"]["method"] == name
    np.testing.assert_allclose(outcome.policy.decide(logits[2000:]).probs, probs, rtol=1e-6)


def test_calibrators_and_promises_of_too_few_rows():
    """Of seven rows, for some seed, a half keeps none to learn from: no crash, and nothing proven."""
    logits, label = calibrated(7, 3)
    source, others = ArraySource(logits, label), ArraySource(logits, None)
    for seed in range(12):
        options = Options(Goal("recall", 0.9, confidence=0.9), seed=seed)
        thresholds = result_of(source, options, unknowns=others)["thresholds"]
        assert [each["proven"] for each in thresholds["per_class"]] == [False] * 3
    with pytest.raises(DataError, match="--calibrator isotonic must have rows to learn from; got none where"):
        for seed in range(12):
            audit(source, Options(Goal("recall", 0.9, confidence=0.9), seed=seed, calibrator="isotonic"))


# Promises ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "value"), [("recall", 0.85), ("precision", 0.7)])
@pytest.mark.parametrize("mode", ["split", "cross-fit"])
def test_what_the_policy_promises_is_kept(monkeypatch, kind, value, mode):
    """Scores normal around ±1: what a threshold does on new rows is known. A 90 % promise may fail .1 + 3 · .0173."""
    monkeypatch.setattr("xent.audit.calibrators.compare", lambda *_: "not compared here")
    random = np.random.default_rng(3)
    kept = missed = 0
    for _ in range(300):
        label = (random.random(500) < 0.5).astype(int)
        score = random.normal(size=500) + np.where(label == 1, 1.0, -1.0)
        logits = np.stack([-score, score], axis=1)  # T = 1 would be honest
        split = split_of(500) if mode == "split" else None
        policy = audit(ArraySource(logits, label, split=split), Options(Goal(kind, value, confidence=0.9))).policy
        reached = []
        for k, threshold in enumerate(policy.thresholds):
            if threshold is None:
                continue
            odds = math.log(threshold / (1 - threshold)) * policy.calibrator.temperature_ / 2
            cut = odds if k == 1 else -odds
            hit = norm.sf(cut - 1.0) if k == 1 else norm.cdf(cut + 1.0)
            false = norm.sf(cut + 1.0) if k == 1 else norm.cdf(cut - 1.0)
            reached.append(hit if kind == "recall" else hit / (hit + false))
        kept += len(reached)
        missed += any(each < value for each in reached)
    assert kept > 300
    assert missed <= (0.1 + 3 * 0.0173) * 300


def test_rows_that_tie_at_an_edge_prove_nothing_where_they_are_not_flagged():
    """Six of ten rows tie at .5, an edge, all of class 1; above it .6 are, and just below it .1.

    With the ties .9 of the flagged are right, and .74 with what lies below them: no edge has .8.
    """
    random = np.random.default_rng(0)
    margin = random.choice([0.0, 2.0, -0.01], size=6000, p=[0.6, 0.2, 0.2])
    share = {0.0: 1.0, 2.0: 0.6, -0.01: 0.1}
    label = (random.random(6000) < np.vectorize(share.get)(margin)).astype(int)
    logits = np.stack([-margin / 2, margin / 2], axis=1)
    policy = audit(ArraySource(logits, label), Options(Goal("precision", 0.8, confidence=0.9))).policy
    assert policy.thresholds[1] is None


def test_a_promise_names_what_it_rests_on():
    logits, label = calibrated(3000, 3, seed=3)
    source = ArraySource(logits, label, split=split_of(3000))
    outcome = audit(source, Options(Goal("recall", 0.9, confidence=0.95)))
    thresholds = outcome.result["thresholds"]
    assert thresholds["confidence"] == 0.95
    assert "same law as the rows that chose" in thresholds["assumptions"]
    # log(0.05/3) / log(0.9) = 38.9: three classes share what may go wrong
    assert [entry["needed"] for entry in thresholds["per_class"]] == [39, 39, 39]
    assert [entry["proven"] for entry in thresholds["per_class"]] == [True] * 3
    assert outcome.policy.goal == {"recall": 0.9, "confidence": 0.95}
    terms = {each["term"]: each["meaning"] for each in outcome.result["definitions"]}
    assert "the highest at which the recall is proven from the rows that choose" in terms["Threshold"]
    answers = " ".join(each["answer"] for each in outcome.result["review"])
    assert "the promise is of these flags, class by class, not of decisions" in answers
    assert "one half, by chance, fitted the temperature, and the other chose" in outcome.result["design"]["sentence"]
    plain = audit(source, Options(Goal("recall", 0.9)))
    assert all(a < b for a, b in zip(outcome.policy.thresholds, plain.policy.thresholds, strict=True))


def test_rows_that_fit_the_calibrator_choose_no_threshold():
    """Half the calibration rows have other scores; where these are kept for thresholds is decided by chance alone."""
    from xent.audit.engine import run

    logits, label = calibrated(2000, 3, seed=3)
    state = run(ArraySource(logits, label, split=split_of(2000)), Options(Goal("recall", 0.9, confidence=0.95)))
    (rows,) = state.rows("", lambda *_: None)
    learns, chooses = state._learns(rows, 0), state._chooses(rows, 0)
    assert not (learns & chooses).any()
    np.testing.assert_array_equal(learns | chooses, rows.fit == 0)
    assert abs(int(learns.sum()) - 500) < 5 * math.sqrt(250)
    assert isinstance(state.calibrators[0], TemperatureScaling)
    assert state.calibrators[0].rows_ == learns.sum()


def test_weights_and_promises_do_not_go_together():
    logits, label = calibrated(200, 3)
    with pytest.raises(OptionError, match="--confidence must go without weights; got weight column 'weight'"):
        audit(ArraySource(logits, label, weight=np.ones(200)), Options(Goal("recall", 0.9, confidence=0.95)))


# Unknown inputs ------------------------------------------------------------------------------------------------------


def test_scores_of_unknown_inputs_are_those_of_scikit_learn():
    logits, label = calibrated(1200, 4, seed=2, spread=4.0)
    others = np.random.default_rng(1).normal(0.0, 2.0, (500, 4))
    others[7] = np.nan
    source = ArraySource(logits, label, split=split_of(1200))
    unknowns = result_of(source, unknowns=ArraySource(others, None, name="noise"))["unknowns"]
    assert (unknowns["rows"], unknowns["invalid_rows"], unknowns["known_rows"]) == (499, 1, 600)
    assert unknowns["source"]["name"] == "noise"
    is_known = np.repeat([1, 0], [600, 499])
    good = np.delete(others, 7, axis=0)
    assert {each["name"] for each in unknowns["scores"]} == set(ood.SCORES)
    for each in unknowns["scores"]:
        score = ood.SCORES[each["name"]]
        every = np.concatenate([score(logits[600:]), score(good)])
        assert each["auroc"]["value"] == pytest.approx(roc_auc_score(is_known, every), abs=1e-9)
        assert each["aupr_in"] == pytest.approx(average_precision_score(is_known, every), abs=1e-9)
        assert each["aupr_out"] == pytest.approx(average_precision_score(1 - is_known, -every), abs=1e-9)
        limit = np.sort(score(logits[:600]))[600 - 570]  # 95 % of the calibration rows
        assert each["threshold"] == pytest.approx(limit)
        assert each["fpr"]["value"] == pytest.approx((score(good) >= limit).mean(), abs=1e-12)
        assert each["tpr"]["value"] == pytest.approx((score(logits[600:]) >= limit).mean(), abs=1e-12)
    aurocs = [each["auroc"]["value"] for each in unknowns["scores"]]
    assert aurocs == sorted(aurocs, reverse=True)
    histogram = unknowns["histogram"]
    assert len(histogram["edges"]) == len(histogram["known"]) + 1 == len(histogram["unknown"]) + 1
    assert sum(histogram["known"]) == pytest.approx(1.0, abs=1e-3)


def test_in_a_cross_fit_each_half_meets_the_threshold_of_the_other():
    logits, label = calibrated(800, 4, seed=2, spread=4.0)
    from xent.audit.engine import run

    source, others = ArraySource(logits, label), ArraySource(logits[:50] / 4, None)
    state = run(source, Options(), unknowns=others)
    half = np.concatenate([rows.fit for rows in state.rows("", lambda *_: None)])
    accepted = 0
    for teacher in (0, 1):
        own = np.sort(ood.energy(logits[half == teacher]))
        limit = own[len(own) - math.ceil(0.95 * len(own))]
        accepted += (ood.energy(logits[half != teacher]) >= limit).sum()
    from xent.audit.unknowns import unknowns_result

    (energy,) = [each for each in unknowns_result(state.unknowns)["scores"] if each["name"] == "energy"]
    assert energy["tpr"]["value"] == pytest.approx(accepted / 800, abs=1e-12)


def test_unknowns_meet_the_same_thresholds_whether_promises_are_asked_or_not():
    """The scores are of raw logits, which no calibrator fitted: no row need be kept from them."""
    logits, label = calibrated(800, 4, seed=2, spread=4.0)
    source, others = ArraySource(logits, label), ArraySource(logits[:50] / 4, None)
    plain, promised = (
        result_of(source, Options(Goal("recall", 0.9, confidence=confidence)), unknowns=others)["unknowns"]
        for confidence in (None, 0.9)
    )
    assert plain == promised


def test_the_energy_of_probabilities_is_no_score():
    """It is log 1 = 0 in every row, and rounding would be ranked."""
    logits, label = calibrated(400, 3, seed=2)
    source = ArraySource(softmax(logits), label, kind="probs")
    unknowns = result_of(source, unknowns=ArraySource(softmax(logits[:50] / 4), None, kind="probs"))["unknowns"]
    assert {each["name"] for each in unknowns["scores"]} == set(ood.SCORES) - {"energy"}


def test_a_table_of_another_classifier_is_refused():
    logits, label = calibrated(200, 3)
    with pytest.raises(DataError, match="noise must have scores of 3 classes, as the audited table has; got 4"):
        audit(ArraySource(logits, label), unknowns=ArraySource(np.zeros((5, 4)), None, name="noise"))
    with pytest.raises(DataError, match="noise must have at least one row of finite scores; it has none"):
        audit(ArraySource(logits, label), unknowns=ArraySource(np.full((5, 3), np.nan), None, name="noise"))
