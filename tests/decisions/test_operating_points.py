"""Thresholds against brute force, scikit-learn and exact ranks; cells, and every refusal."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from scipy.stats import binom
from sklearn.metrics import fbeta_score, precision_score, recall_score

from xent.decisions.operating_points import operating_points, threshold_at
from xent.decisions.policy import Policy
from xent.errors import DtypeError, OptionError, ShapeError, TargetError

COST = [[0.0, 1.0], [5.0, -0.5]]


def sample(seed=0, n=400, ties=False, dtype=np.float64):
    random = np.random.default_rng(seed)
    y = random.random(n) < 0.3
    score = random.normal(size=n) + 2.0 * y
    return y, (np.round(score * 2) / 2 if ties else score).astype(dtype)


def same_flags(score, point, threshold):
    return point.threshold <= threshold and np.array_equal(score >= point.threshold, score >= threshold)


def reached(y, score, weight, t):
    """Every measure at a threshold, by plain sums."""
    flagged = score >= t
    tp, fp = weight[flagged & y].sum(), weight[flagged & ~y].sum()
    fn, tn = weight[~flagged & y].sum(), weight[~flagged & ~y].sum()
    return {
        "recall": tp / (tp + fn),
        "precision": tp / (tp + fp) if tp + fp else 0.0,
        "fpr": fp / (fp + tn),
        "f_beta": 5 * tp / (5 * tp + 4 * fn + fp),
        "cost": (fp + 5 * fn - 0.5 * tp) / weight.sum(),
    }


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("goal", [0.5, 0.9, 0.99, 1.0])
def test_the_empirical_choice_is_that_of_brute_force(seed, ties, weighted, goal):
    y, score = sample(seed, ties=ties)
    weight = np.random.default_rng(seed).exponential(size=len(y)) if weighted else np.ones(len(y))
    at = {t: reached(y, score, weight, t) for t in np.append(np.unique(score), np.inf)}
    given = weight if weighted else None

    def best(kind, value):
        return threshold_at(y, score, **{kind: value}, sample_weight=given)

    assert same_flags(score, best("recall", goal), max(t for t in at if at[t]["recall"] >= goal - 1e-12))
    reaching = [t for t in at if at[t]["precision"] >= goal - 1e-12]
    found = best("precision", goal)
    assert same_flags(score, found, min(reaching)) if reaching else found.threshold is None
    lowest = min(t for t in at if at[t]["fpr"] <= 1 - goal + 1e-12)
    found = best("fpr", 1 - goal)
    assert same_flags(score, found, lowest)
    assert found.achieved.value <= 1 - goal + 1e-12
    f = best("f_beta", 2.0)
    assert f.achieved.value == pytest.approx(max(each["f_beta"] for each in at.values()), rel=1e-12)
    assert f.achieved.value == pytest.approx(reached(y, score, weight, f.threshold)["f_beta"], rel=1e-12)
    cheapest = best("cost", COST)
    assert cheapest.achieved.value == pytest.approx(min(each["cost"] for each in at.values()), rel=1e-12, abs=1e-12)
    for point in (f, cheapest):
        for name in ("recall", "precision", "fpr"):
            assert point.measured[name].value == pytest.approx(
                reached(y, score, weight, point.threshold)[name], rel=1e-12, abs=1e-12
            )


def test_measures_are_scikit_learns():
    y, score = sample()
    point = threshold_at(y, score, f_beta=0.5)
    flagged = score >= point.threshold
    assert point.measured["recall"].value == pytest.approx(recall_score(y, flagged), abs=1e-12)
    assert point.measured["precision"].value == pytest.approx(precision_score(y, flagged), abs=1e-12)
    assert point.achieved.value == pytest.approx(fbeta_score(y, flagged, beta=0.5), abs=1e-12)
    assert point.measured["flagged"].value == flagged.mean()


@given(st.integers(0, 2**31), st.sampled_from([0.8, 0.9, 0.95]), st.booleans())
def test_a_guaranteed_rank_lets_as_many_err_as_may(seed, share, ties):
    y, score = sample(seed, n=600, ties=ties)
    positives, negatives = np.sort(score[y]), np.sort(score[~y])
    missed = int(binom(len(positives), 1 - share).ppf(0.05)) - 1  # P(Bin ≤ missed) ≤ 0.05, and no more
    point = threshold_at(y, score, recall=share, confidence=0.95)
    assert point.guaranteed
    assert same_flags(score, point, positives[missed])
    wrong = int(binom(len(negatives), 1 - share).ppf(0.05)) - 1
    limit = negatives[len(negatives) - 1 - wrong]
    assert same_flags(score, threshold_at(y, score, fpr=1 - share, confidence=0.95), score[score > limit].min())


@pytest.mark.parametrize("kind", ["recall", "fpr"])
def test_ranks_do_not_depend_on_the_order_of_rows_or_the_scale_of_scores(kind):
    y, score = sample(n=1000)
    value = {"recall": 0.9, "fpr": 0.1}[kind]
    point = threshold_at(y, score, **{kind: value}, confidence=0.9)
    order = np.random.default_rng(1).permutation(len(y))
    assert threshold_at(y[order], score[order], **{kind: value}, confidence=0.9, seed=5).threshold == point.threshold
    stretched = threshold_at(y, np.exp(score), **{kind: value}, confidence=0.9)
    assert np.array_equal(np.exp(score) >= stretched.threshold, score >= point.threshold)


@pytest.mark.parametrize("ask", [{"precision": 0.8}, {"cost": [[0, 1], [1, 0]], "cost_at_most": 0.2}])
def test_proven_thresholds_do_not_depend_on_the_scale_of_scores_or_weights_of_one(ask):
    y, score = sample(n=3000)
    point = threshold_at(y, score, **ask, confidence=0.9)
    assert point.guaranteed
    stretched = threshold_at(y, np.exp(score), **ask, confidence=0.9)
    assert np.array_equal(np.exp(score) >= stretched.threshold, score >= point.threshold)
    same = threshold_at(y, score, **ask, confidence=0.9, sample_weight=np.full(3000, 2.5))
    assert same.threshold == point.threshold
    padded = threshold_at(
        np.append(y, [True] * 9),
        np.append(score, [-9.0] * 9),
        **ask,
        confidence=0.9,
        sample_weight=np.append(np.ones(3000), np.zeros(9)),
    )
    assert (padded.threshold, padded.n) == (point.threshold, 3000)


def test_candidates_are_tested_in_their_order_until_one_fails():
    # Flagged at 3, 2, 1, 0: 60/60, 80/80, 100/120, 200/400 positive; a precision of 0.9 fails at 1 first.
    score = np.repeat([3.0, 2.0, 1.0, 0.0], [60, 20, 40, 280])
    y = np.concatenate([np.ones(80), np.ones(20), np.zeros(20), np.ones(100), np.zeros(180)])
    assert threshold_at(y, score, precision=0.9, confidence=0.95, candidates=[3, 2, 1, 0]).threshold == 2
    assert threshold_at(y, score, precision=0.9, confidence=0.95, candidates=[3]).threshold == 3
    none = threshold_at(y, score, precision=0.9, confidence=0.95, candidates=[1, 2, 3])
    assert none.threshold is None
    assert (
        none.reason == "precision ≥ 0.9 is not proven at the first threshold tested, 1: 100 of the 120 rows "
        "flagged there are positive"
    )
    # Errors a row are the binomial share: 100 + 20 errors at 1, 120 at 2 (all below missed), of 400 rows.
    cost = {"cost": [[0, 1], [1, 0]], "confidence": 0.95, "candidates": [2, 1, 0]}
    assert binom(400, 0.35).cdf(120) < 0.05 < binom(400, 0.33).cdf(120)
    assert threshold_at(y, score, **cost, cost_at_most=0.35).threshold == 2
    assert threshold_at(y, score, **cost, cost_at_most=0.33).reason == (
        "cost ≤ 0.33 is not proven at the first threshold tested, 2: it costs 0.3 a row on 400 rows"
    )


def test_a_cost_is_proven_both_ways_from_the_best_of_a_fifth_at_half_the_level():
    differ = 0
    for seed in range(40):
        y, score = sample(seed, n=250)
        errors = {t: np.mean((score >= t) != y) for t in np.append(score, np.inf)}
        shuffled = np.random.default_rng(seed).permutation(250)
        few, rest = shuffled[:50], shuffled[50:]
        start = min(np.append(score[few], np.inf), key=lambda t: (np.sum((score[few] >= t) != y[few]), -t))

        def proven(level, start=start, rest=rest, y=y, score=score, errors=errors):
            found = []
            for way in (np.sort(score[rest])[::-1], np.append(np.sort(score[rest]), np.inf)):
                ahead = way[way < start] if way[0] > way[-1] else way[way > start]
                for number, t in enumerate(np.append(start, ahead)):
                    if binom(200, 0.2).cdf(np.sum((score[rest] >= t) != y[rest])) > (level if number else 0.2):
                        break
                    found.append(t)
            return min(found, key=lambda t: (errors[t], found.index(t)), default=None)

        expected = proven(0.1)
        differ += expected != proven(0.2)
        point = threshold_at(y, score, cost=[[0, 1], [1, 0]], cost_at_most=0.2, confidence=0.8, seed=seed)
        assert (point.threshold is None) == (expected is None)
        if expected is not None:
            assert point.achieved.value == pytest.approx(errors[expected], abs=1e-12)
    assert differ > 0


def test_candidates_take_the_precision_of_the_scores():
    score = np.repeat(np.float32([0.9, 0.1]), 100)
    y = np.repeat([1, 0], 100)
    point = threshold_at(y, score, precision=0.9, confidence=0.95, candidates=[0.9])
    assert point.threshold == float(np.float32(0.9))
    assert point.measured["recall"].value == 1.0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_threshold_above_all_scores_is_one_of_their_dtype(dtype):
    y, score = np.r_[np.zeros(100), 1], np.r_[np.full(100, 0.5), 0.25].astype(dtype)
    point = threshold_at(y, score, fpr=0.1)
    assert dtype(point.threshold) == point.threshold > 0.5
    assert not (score >= dtype(point.threshold)).any()


def test_infinite_scores_are_scores():
    y = np.repeat([1, 0], [200, 200])
    score = np.concatenate([np.full(200, np.inf), np.zeros(200)])
    assert threshold_at(y, score, recall=0.9, confidence=0.95).threshold == np.inf
    assert threshold_at(1 - y, score, recall=0.9).threshold == 0.0
    none = threshold_at(1 - y, score, fpr=0.5)
    assert (none.threshold, none.reason) == (
        None,
        "too many negatives have a score of inf, which every threshold flags",
    )
    assert threshold_at(np.zeros(5), np.arange(5.0), cost=[[0, 1], [1, 0]]).threshold == np.inf  # nothing is flagged


@pytest.mark.parametrize(
    ("goal", "n", "needed"),
    [
        ({"recall": 0.99}, (299, 5), 299),
        ({"fpr": 0.01}, (5, 299), 299),
        ({"precision": 0.9}, (40, 0), 29),  # of four fifths
        ({"cost": [[0, 1], [1, 0]], "cost_at_most": 0.1}, (40, 0), 29),
    ],
)
def test_as_many_rows_as_needed_and_one_fewer(goal, n, needed):
    y = np.repeat([1, 0], n)
    score = np.repeat([1.0, 0.0], n)
    point = threshold_at(y, score, **goal, confidence=0.95)
    assert (point.guaranteed, point.needed, point.reason) == (True, needed, None)
    fewer = y.size - 1 - (4 if "precision" in goal or "cost" in goal else 0)
    keep = slice(0, fewer) if "fpr" in goal else slice(y.size - fewer, None)
    few = threshold_at(y[keep], score[keep], **goal, confidence=0.95)
    assert (few.threshold, few.guaranteed, few.needed) == (None, False, needed)
    assert f"are too few: {few._aim} with confidence 0.95 needs at least {needed}" in few.reason


@pytest.mark.parametrize("goal", [{"recall": 1.0}, {"precision": 1.0}, {"fpr": 0.0}])
def test_what_no_number_of_rows_can_promise(goal):
    point = threshold_at([1] * 50 + [0] * 50, np.arange(100)[::-1], **goal, confidence=0.5)
    assert (point.threshold, point.needed) == (None, None)
    assert "cannot be promised from any number of rows" in point.reason
    assert math.isnan(point.achieved.value)


@pytest.mark.parametrize(
    ("goal", "y", "reason"),
    [
        ({"recall": 0.9}, [0, 0], "no positives"),
        ({"f_beta": 1}, [0, 0], "no positives"),
        ({"fpr": 0.1}, [1, 1], "no negatives"),
        ({"precision": 0.9}, [], "no rows"),
        ({"cost": [[0, 1], [1, 0]]}, [], "no rows"),
        ({"precision": 0.9}, [0, 0], "no threshold reaches precision ≥ 0.9 on these rows"),
    ],
)
def test_rows_without_an_answer(goal, y, reason):
    point = threshold_at(y, np.zeros(len(y)), **goal)
    assert (point.threshold, point.reason, point.guaranteed) == (None, reason, False)


def test_the_words_of_a_point():
    y, score = sample(n=2000)
    point = threshold_at(y, score, recall=0.9, confidence=0.95)
    assert repr(point) == (
        f"<OperatingPoint {point.threshold:.6g}: recall ≥ 0.9, guaranteed with confidence 0.95, "
        f"from 2000 rows, {y.sum()} positive>"
    )
    assert "independently" in point.assumptions
    plain = threshold_at(y, score, cost=COST)
    assert (plain.assumptions, plain.guaranteed) == ("", False)
    assert plain.goal == {
        "cost_false_positive": 1.0,
        "cost_false_negative": 5.0,
        "cost_true_positive": -0.5,
        "cost_true_negative": 0.0,
    }
    assert json.loads(json.dumps(point.to_dict()))["measured"]["recall"][0] == point.achieved.value


def three_classes(n=3000, seed=0):
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, n)
    return (
        y,
        softmax(random.normal(size=(n, 3)) + 3 * np.eye(3)[y], axis=1),
        random.choice(["sun", "rain"], n, p=[0.8, 0.2]),
    )


@pytest.mark.parametrize("ask", [{"recall": [0.9, 0.8, 0.7]}, {"precision": 0.9}, {"cost": [[0, 1], [3, 0]]}])
@pytest.mark.parametrize("confidence", [None, 0.9])
def test_cells_are_thresholds_of_their_rows_at_the_divided_level(ask, confidence):
    y, probs, weather = three_classes()
    if "cost" in ask and confidence:
        ask = {**ask, "cost_at_most": 0.9}
    points = operating_points(y, probs, **ask, confidence=confidence, slices={"weather": weather}, classes="abc")
    assert points.sharing == (9 if confidence else 1)
    assert [(cut.label, cut.slice) for cut in points.cuts] == [
        (label, where) for where in (None, ("weather", "rain"), ("weather", "sun")) for label in "abc"
    ]
    for cut in points.cuts:
        k = "abc".index(cut.label)
        rows = np.ones(len(y), bool) if cut.slice is None else weather == cut.slice[1]
        goal = {name: value[k] if name == "recall" else value for name, value in ask.items()}
        alone = threshold_at(y[rows] == k, probs[rows, k], **goal, confidence=confidence and 1 - (1 - confidence) / 9)
        assert cut.point.threshold == alone.threshold
        assert repr(cut.point) == repr(alone)
    assert points.thresholds == tuple(cut.point.threshold for cut in points.cuts[:3])


def test_empty_cells_say_so_and_do_not_share():
    y, probs, _ = three_classes(300)
    where = np.where(y == 2, "day", "night")
    points = operating_points(y, probs, recall=0.5, confidence=0.9, slices={"time": where})
    cells = {(cut.label, cut.slice): cut.point for cut in points.cuts}
    assert cells[2, ("time", "night")].reason == "no positives"
    assert cells[0, ("time", "day")].reason == "no positives"
    assert points.sharing == 6
    assert {cut.point.confidence for cut in points.cuts} == {1 - (1 - 0.9) / 6}
    alone = operating_points(y, probs, recall=0.5, confidence=0.9, simultaneous=False, slices={"time": where})
    assert {cut.point.confidence for cut in alone.cuts} == {0.9}
    assert "each by itself" in repr(alone)


def test_independent_labels_and_one_score():
    random = np.random.default_rng(0)
    labels = random.random((500, 2)) < 0.4
    probs = np.clip(random.normal(size=(500, 2)) * 0.2 + 0.3 + 0.3 * labels, 0, 1)
    both = operating_points(labels, probs, recall=0.9, confidence=0.9)
    assert [cut.point.threshold for cut in both.cuts] == [
        threshold_at(labels[:, k], probs[:, k], recall=0.9, confidence=0.95).threshold for k in range(2)
    ]
    one = operating_points(labels[:, 0], probs[:, 0], recall=0.9, slices={"half": np.arange(500) // 250})
    assert [(cut.label, cut.slice) for cut in one.cuts] == [(None, None), (None, ("half", 0)), (None, ("half", 1))]
    assert one.cuts[2].point.threshold == threshold_at(labels[250:, 0], probs[250:, 0], recall=0.9).threshold


def test_the_table_and_its_plain_form():
    y, probs, weather = three_classes(400)
    points = operating_points(y, probs, recall=0.99, confidence=0.95, slices={"weather": weather})
    lines = repr(points).splitlines()
    assert lines[0].split()[:4] == ["class", "slice", "threshold", "goal"]
    assert len(lines) == 1 + 9 + 1
    assert "needs at least" in lines[-2]
    assert lines[-1] == "confidence 0.95, all together, shared by 9"
    plain = points.to_dict()
    assert plain["rows"][3]["slice"] == ["weather", "rain"]
    assert plain["rows"][3]["needed"] == points.cuts[3].point.needed == math.ceil(math.log(0.05 / 9) / math.log(0.99))
    assert plain["rows"][3]["measured"]["recall"] is None
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain


def test_thresholds_make_a_policy():
    y, probs, _ = three_classes()
    points = operating_points(y, probs, recall=0.9, confidence=0.95)
    policy = Policy(("a", "b", "c"), points.thresholds, scores="probs", goal=points.cuts[0].point.goal)
    flags = policy.decide(probs).flags
    for k, cut in enumerate(points.cuts):
        assert flags[y == k, k].mean() == cut.point.achieved.value
    # Class 1 is never right and always sure: only a threshold above 1 keeps it from being flagged.
    never = operating_points(np.zeros(10, int), np.tile([0.0, 1.0], (10, 1)), fpr=0.1)
    assert never.cuts[1].point.threshold > 1
    assert never.thresholds[1] is None


@pytest.mark.parametrize("kind", ["recall", "fpr", "precision"])
@pytest.mark.parametrize("confidence", [None, 0.95])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rounding_changes_no_flag(kind, confidence, dtype):
    # Probabilities of one digit, computed anew with another rounding: flags at the ties must not depend on it.
    y, score = sample(n=4000)
    score = np.round(1 / (1 + np.exp(-score)), 1).astype(dtype)
    point = threshold_at(y, score, **{kind: 0.3 if kind == "fpr" else 0.7}, confidence=confidence)
    for shaken in (np.nextafter(score, dtype(-9)), np.nextafter(score, dtype(9))):
        assert np.array_equal(shaken >= dtype(point.threshold), score >= dtype(point.threshold))
    assert dtype(point.threshold) == point.threshold


def test_neighbouring_floats_have_nothing_midway():
    score = np.array([1.0, np.nextafter(np.float32(1.0), np.float32(2.0))], dtype=np.float32)
    assert threshold_at([0, 1], score, recall=1.0).threshold == score[1]


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({}, OptionError, "exactly one of recall, precision, fpr, f_beta, cost must be given; got none"),
        ({"recall": 0.9, "fpr": 0.1}, OptionError, "must be given; got recall and fpr"),
        ({"recall": 0.0}, OptionError, r"recall must lie in \(0, 1\]; got 0"),
        ({"recall": math.nan}, OptionError, r"recall must lie in \(0, 1\]; got nan"),
        ({"precision": 90}, OptionError, r"precision must lie in \(0, 1\]; got 90"),
        ({"fpr": 1.0}, OptionError, r"fpr must lie in \[0, 1\); got 1"),
        ({"f_beta": 0}, OptionError, "f_beta must be a finite number above 0; got 0"),
        ({"recall": [0.9, 0.8]}, ShapeError, r"recall must be a number; got shape \(2,\)"),
        ({"recall": 0.9, "confidence": 1.0}, OptionError, r"confidence must lie in \(0, 1\); got 1.0"),
        ({"recall": 0.9, "confidence": True}, OptionError, "confidence must .* got True"),
        ({"f_beta": 1, "confidence": 0.9}, OptionError, "confidence must go with recall, .* got it with f_beta"),
        ({"cost": COST, "confidence": 0.9}, OptionError, "cost_at_most must be given with cost and confidence"),
        ({"recall": 0.9, "cost_at_most": 1}, OptionError, "cost_at_most must go with cost; got it with recall"),
        ({"cost": COST, "cost_at_most": 5}, OptionError, "must lie between the least cost, -0.5, .* 5; got 5"),
        ({"cost": [[0, 1]]}, ShapeError, r"cost must have shape \(2, 2\); got \(1, 2\)"),
        ({"cost": [[0, math.nan], [1, 0]]}, OptionError, "cost must be finite; got nan"),
        ({"cost": [[1, 0], [1, 0]]}, OptionError, "false positive must exceed .* true negative; got 0 and 1"),
        ({"cost": [[0, 1], [0, 0]]}, OptionError, "false negative must exceed .* true positive; got 0 and 0"),
        ({"recall": 0.9, "candidates": [1]}, OptionError, "candidates must go with confidence and precision or cost"),
        ({"precision": 0.9, "candidates": [1]}, OptionError, "candidates must go with confidence"),
        ({"precision": 0.9, "confidence": 0.9, "candidates": []}, OptionError, "candidates must be a list"),
        ({"recall": 0.9, "y_true": [0, 1, 2]}, TargetError, r"y_true must be 0 or 1; got 2 at row 2 \(1 such"),
        ({"recall": 0.9, "y_true": [0, 1]}, ShapeError, r"y_true must have the shape of y_score, \(3,\); got \(2,\)"),
        ({"recall": 0.9, "y_score": [0, math.nan, 1]}, OptionError, "y_score must not be NaN; got nan at row 1"),
        ({"recall": 0.9, "y_score": [[0, 1]]}, ShapeError, r"y_score must have shape \(rows,\); got \(1, 2\)"),
        ({"recall": 0.9, "y_score": ["a", "b", "c"]}, DtypeError, "y_score must be real numbers"),
        ({"recall": 0.9, "sample_weight": [1, 2, -1]}, OptionError, "sample_weight must be finite and not negative"),
        (
            {"recall": 0.9, "confidence": 0.9, "sample_weight": [1, 2, 1]},
            OptionError,
            "sample_weight must be one number or 0 with confidence",
        ),
    ],
)
def test_refusals_of_one(keywords, error, words):
    given = {"y_true": [0, 1, 1], "y_score": [0.1, 0.2, 0.3], **keywords}
    with pytest.raises(error, match=f"^threshold_at: .*{words}"):
        threshold_at(given.pop("y_true"), given.pop("y_score"), **given)


@pytest.mark.parametrize(
    ("keywords", "error", "words"),
    [
        ({"y_prob": [[0.5, 1.5], [0.5, 0.5]]}, OptionError, r"y_prob must lie in \[0, 1\]; got 1.5"),
        ({"y_prob": [[0.5, math.nan], [0.5, 0.5]]}, OptionError, "y_prob must not be NaN; got nan at row 0"),
        ({"y_prob": [[[0.5]]]}, ShapeError, r"y_prob must have shape \(rows,\) or \(rows, classes\)"),
        ({"y_true": [0, 2]}, TargetError, r"y_true must lie in \[0, 1\]; got 2 at row 1"),
        ({"y_true": [0.0, 1.0]}, DtypeError, "y_true must be integers where it holds class indices"),
        ({"y_true": [0]}, ShapeError, r"y_true must have shape \(2,\) \(class indices\) or \(2, 2\)"),
        ({"recall": [0.9, 0.8, 0.7]}, ShapeError, r"recall must be a number, or one a class, shape \(2,\)"),
        ({"classes": ["a"]}, ShapeError, "classes must be 2 names, one a column of y_prob; got 1"),
        ({"slices": [0, 1]}, OptionError, "slices must be a mapping .* got list"),
        ({"slices": {"a": [0]}}, ShapeError, r"slices\['a'\] must have shape \(2,\), one value a row; got \(1,\)"),
    ],
)
def test_refusals_of_many(keywords, error, words):
    given = {"y_true": [0, 1], "y_prob": [[0.5, 0.5], [0.5, 0.5]], "recall": 0.9, **keywords}
    with pytest.raises(error, match=f"^operating_points: .*{words}"):
        operating_points(given.pop("y_true"), given.pop("y_prob"), **given)


def test_a_confidence_that_is_rounded_away_among_many_is_refused():
    probs = np.full((30, 3), 1 / 3)
    words = "confidence must leave each of 3 thresholds a chance to fail that a float can hold; got 0.9999999999999999"
    with pytest.raises(OptionError, match=f"^operating_points: {words}"):
        operating_points(np.arange(30) % 3, probs, recall=0.5, confidence=1 - 2**-53)


@pytest.mark.parametrize("seed", [-1, 1.5, "x", True, None])
def test_a_seed_is_a_whole_number(seed):
    with pytest.raises(OptionError, match=f"^threshold_at: seed must be a whole number ≥ 0; got {seed!r}"):
        threshold_at([0, 1], [0.1, 0.2], recall=0.9, seed=seed)
    with pytest.raises(OptionError, match=f"^operating_points: seed must be a whole number ≥ 0; got {seed!r}"):
        operating_points([0, 1], [0.1, 0.2], recall=0.9, seed=seed)


def test_slices_of_several_kinds_are_refused():
    slices = {"site": np.array(["a", None, "b"], dtype=object)}
    with pytest.raises(DtypeError, match=r"^operating_points: slices\['site'\] must be values of one kind"):
        operating_points([0, 1, 0], [0.1, 0.2, 0.3], recall=0.9, slices=slices)


def test_an_infinite_threshold_is_a_word_in_json():
    """Where nothing is positive the least cost is that of flagging nothing."""
    point = threshold_at([0, 0], [0.1, 0.2], cost=[[0, 1], [1, 0]])
    assert json.loads(json.dumps(point.to_dict(), allow_nan=False))["threshold"] == "inf"


def test_a_first_threshold_proven_at_the_whole_level_alone_is_not_moved():
    """Costs are tested both ways at half of 1 - confidence: below the first, the same flags would need that.

    1000 rows of score 1 (the fifth proposes 1, and no cost is less elsewhere), errors so many that P(Bin ≤ errors) lies
    between half the level and all of it.
    """
    n, limit, level = 1000, 0.3, 0.1
    errors = next(e for e in range(n) if level / 2 < binom.cdf(e, 0.8 * n, limit) <= level)
    moved = []
    for seed in range(60):
        y = np.r_[np.zeros(round(errors / 0.8), int), np.ones(n - round(errors / 0.8), int)]
        score = np.where(np.arange(n + 5) < n, 1.0, 0.0)
        point = threshold_at(
            np.r_[y, np.zeros(5, int)],
            score,
            cost=[[0, 1], [1, 0]],
            cost_at_most=limit,
            confidence=1 - level,
            seed=seed,
        )
        if point.threshold is not None:
            moved.append(point.threshold)
    assert set(moved) == {1.0, 0.5}  # 0.5 where the rows that test have fewer errors
