"""Every number of an audit's result, recomputed from whole arrays by other means."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import jsonschema
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
import sklearn.metrics as sk
from numpy.typing import NDArray

from xent.audit import Options, Outcome, SliceSpec
from xent.decisions.thresholds import Goal

from .factories import ArraySource, audit, calibrated, run, softmax, split_of

Array = NDArray[Any]
SCHEMA = json.loads((files("xent.audit") / "schema.json").read_text(encoding="utf-8"))
Z = scipy.stats.norm.ppf(0.975)


#: The edges of the histograms, as probabilities: 32 to a factor of 2 of the odds.
_ODDS = np.concatenate([[0.0], np.outer(2.0 ** np.arange(-30, 30), 1 + np.arange(32) / 32).ravel(), [2.0**30]])
EDGES = _ODDS / (1 + _ODDS)


@dataclass(frozen=True)
class Case:
    """An audit and, as whole arrays, what it was of: the rows that take part in it."""

    name: str
    outcome: Outcome
    logits: Array
    label: Array
    weight: Array
    weighted: bool
    fit: Array  # which fit a row teaches, as Rows.fit
    score: Array  # which fit scores it
    row: Array  # its number in the table

    @property
    def result(self) -> dict[str, Any]:
        return self.outcome.result

    @property
    def n_classes(self) -> int:
        return int(self.logits.shape[1])

    def temperatures(self) -> list[float]:
        """Return the temperature of each fit, found by another optimiser."""
        return [best_temperature(self, self.fit == number) for number in range(int(self.fit.max()) + 1)]

    def scored(self, when: str) -> tuple[Array, Array, Array, Array]:
        """Return (logits as they are scored, label, weight, row) of the scored rows."""
        logits = self.logits.copy()
        if when == "after":
            fits = self.result["calibration"]["fits"] or [self.result["calibration"]]
            for number, fit in enumerate(fits):
                logits[self.score == number] /= fit["temperature"]
        keep = self.score >= 0
        return logits[keep], self.label[keep], self.weight[keep], self.row[keep]


def best_temperature(case: Case, rows: Array) -> float:
    logits, label, weight = case.logits[rows], case.label[rows], case.weight[rows]
    possible = np.isfinite(logits[np.arange(len(label)), label])
    logits, label, weight = logits[possible], label[possible], weight[possible]

    def loss(log_temperature: float) -> float:
        return float(weight @ nlls(logits / math.exp(log_temperature), label) / weight.sum())

    found = scipy.optimize.minimize_scalar(loss, bounds=(-3, 3), method="bounded", options={"xatol": 1e-10})
    return math.exp(found.x)


def nlls(logits: Array, label: Array) -> Array:
    log_sum = np.asarray(scipy.special.logsumexp(logits, axis=1))
    return log_sum - logits[np.arange(len(label)), label]


def make(name: str) -> Case:
    """Build a case from the words of its name; holes are logits of -inf, dirty has rows of every wrong kind."""
    words = name.split()
    seed = sum(map(ord, name))
    random = np.random.default_rng(seed)
    n, n_classes = 700, 5
    logits, label = calibrated(n, n_classes, seed, prior=[0.35, 0.3, 0.2, 0.1, 0.05])
    logits *= 1.6
    if "holes" in words:
        hole = (random.random(logits.shape) < 0.1) & (np.arange(n_classes) != label[:, None])
        logits[hole] = -np.inf
    if "float32" in words:
        logits = logits.astype(np.float32).astype(np.float64)
    weight = random.choice([0.25, 0.5, 1.0, 3.0], n) if "weights" in words else np.ones(n)
    split = np.array(split_of(n, 0.4))
    random.shuffle(split)
    given = softmax(logits) if "probs" in words else logits.copy()
    labels, valid = label.copy(), np.ones(n, dtype=bool)
    if "dirty" in words:
        labels[10], labels[20], labels[30:35] = n_classes, -3, 255
        given[40, 1], given[41, 2] = np.nan, np.inf
        given[42] = -np.inf
        weight[50:53] = 0.0
        split[60:70] = "train"
        valid[[10, 20, *range(30, 35), 40, 41, 42, 50, 51, 52]] = False
        valid &= (split != "train") | ("cross" in words)
    source = ArraySource(
        given.astype(np.float32) if "float32" in words else given,
        labels,
        kind="probs" if "probs" in words else "logits",
        weight=weight if "weights" in words or "dirty" in words else None,
        split=split if "split" in words else None,
        slices={"site": np.where(np.arange(n) % 3 == 0, "north", "south")},
    )
    goal = Goal("precision", 0.6) if "precision" in words else Goal("recall", 0.9)
    options = Options(goal, (SliceSpec("site"),), ignore_index=255, seed=seed % 7)
    outcome = audit(source, options)
    if "split" in words:
        fit, score = np.where(split == "calibration", 0, -1), np.where(split == "test", 0, -1)
    else:
        fit = halves(source, options, n)
        score = 1 - fit
    keep = np.flatnonzero(valid)
    weighted = "weights" in words or "dirty" in words
    return Case(name, outcome, logits[keep], label[keep], weight[keep], weighted, fit[keep], score[keep], keep)


def halves(source: ArraySource, options: Options, n: int) -> Array:
    """Return the half of each row: chance decides it, so it cannot be recomputed, only be read where rows are dealt."""
    from xent.audit.rows import read_rows

    half = np.full(n, -1)
    for rows in read_rows(source, options.ignore_index, options.seed):
        half[rows.row] = rows.fit
    return half


NAMES = (
    "split",
    "cross",
    "split weights",
    "cross weights",
    "split float32",
    "cross float32 precision",
    "split probs",
    "cross probs weights precision",
    "split holes",
    "cross holes weights",
    "split dirty weights precision",
    "cross dirty",
)


@pytest.fixture(scope="module", params=NAMES)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    yield make(request.param)


WHEN = pytest.mark.parametrize("when", ["before", "after"])


def effective(weight: Array) -> float:
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0


def assert_share(estimate: dict[str, Any], right: Array, weight: Array) -> None:
    """Check a share with Wilson's interval, which for whole rows scipy knows too."""
    n = effective(weight)
    assert estimate["n"] == pytest.approx(n, abs=1e-3)
    share = float(weight @ right / weight.sum())
    assert estimate["value"] == pytest.approx(share, rel=1e-12)
    if len(np.unique(weight)) == 1:
        interval = scipy.stats.binomtest(int(right.sum()), len(right)).proportion_ci(0.95, method="wilson")
        low, high = interval.low, interval.high
    else:  # the roots of (share - p)² = z² p (1 - p) / n
        low, high = sorted(np.roots([1 + Z * Z / n, -2 * share - Z * Z / n, share * share]).real)
    assert (estimate["low"], estimate["high"]) == pytest.approx((low, high), abs=1e-9)


@WHEN
def test_proper_scores(case: Case, when: str) -> None:
    logits, label, weight, _ = case.scored(when)
    probs, scores = softmax(logits), case.result["scores"][when]
    finite = np.maximum(logits, -1e300)  # scikit-learn takes no -inf
    everything = range(case.n_classes)
    loss = sk.log_loss(label, probs, sample_weight=weight, labels=everything)
    assert scores["nll"]["value"] == pytest.approx(loss, rel=1e-10)
    assert scores["nll_bits"] == pytest.approx(loss / math.log(2), rel=1e-10)
    assert scores["perplexity"] == pytest.approx(math.exp(loss), rel=1e-10)
    each = nlls(logits, label)
    n = effective(weight)
    error = math.sqrt(n / (n - 1) * (weight**2 @ (each - loss) ** 2)) / weight.sum()
    assert scores["nll"]["high"] - loss == pytest.approx(Z * error, rel=1e-8)
    assert loss - scores["nll"]["low"] == pytest.approx(Z * error, rel=1e-8)
    if not case.weighted:
        assert error == pytest.approx(scipy.stats.sem(each), rel=1e-12)

    assert_share(scores["accuracy"], logits.argmax(axis=1) == label, weight)
    assert [entry["k"] for entry in scores["top_k"]] == [1, 2, 3]
    for entry in scores["top_k"]:
        expected = sk.top_k_accuracy_score(label, finite, k=entry["k"], sample_weight=weight, labels=everything)
        assert entry["accuracy"]["value"] == pytest.approx(expected, rel=1e-12)
    recalls = sk.recall_score(label, logits.argmax(axis=1), average=None, sample_weight=weight, labels=everything)
    assert scores["macro_recall"]["value"] == pytest.approx(np.mean(recalls), rel=1e-12)
    sizes = np.array([effective(weight[label == k]) for k in everything])
    shrunk = (recalls * sizes + 1) / (sizes + 2)
    spread = Z * math.sqrt((shrunk * (1 - shrunk) / sizes).sum()) / case.n_classes
    assert scores["macro_recall"]["high"] - np.mean(recalls) == pytest.approx(spread, rel=1e-9)


@WHEN
def test_brier_score_and_its_parts(case: Case, when: str) -> None:
    logits, label, weight, _ = case.scored(when)
    probs, brier = softmax(logits), case.result["scores"][when]["brier"]
    truth = np.eye(case.n_classes)[label]
    assert brier["value"] == pytest.approx(float(weight @ ((probs - truth) ** 2).sum(axis=1) / weight.sum()), rel=1e-10)
    expected = {"reliability": 0.0, "resolution": 0.0, "uncertainty": 0.0}
    for k in range(case.n_classes):
        base = np.average(truth[:, k], weights=weight)
        expected["uncertainty"] += base * (1 - base)
        edge = EDGES[np.searchsorted(EDGES, probs[:, k], side="right") - 1]
        fifteenth = np.minimum((edge * 15).astype(int), 14)
        for b in np.unique(fifteenth):
            rows = fifteenth == b
            share = weight[rows].sum() / weight.sum()
            observed = np.average(truth[rows, k], weights=weight[rows])
            forecast = np.average(probs[rows, k], weights=weight[rows])
            expected["reliability"] += share * (forecast - observed) ** 2
            expected["resolution"] += share * (observed - base) ** 2
    for part, value in expected.items():
        assert brier[part] == pytest.approx(value, rel=1e-9), part
    whole = brier["reliability"] - brier["resolution"] + brier["uncertainty"] + brier["remainder"]
    assert whole == pytest.approx(brier["value"], abs=1e-12)


def test_baseline_knows_the_class_shares_of_the_rows_that_fit(case: Case) -> None:
    fitted = case.fit >= 0
    _, label, weight, _ = case.scored("before")
    mass = np.bincount(case.label[fitted], case.weight[fitted] / case.weight[fitted].mean(), case.n_classes)
    prior = (mass + 1) / (mass.sum() + case.n_classes)
    probs = np.tile(prior, (len(label), 1))
    baseline = case.result["scores"]["baseline"]
    everything = range(case.n_classes)
    assert baseline["nll"] == pytest.approx(sk.log_loss(label, probs, sample_weight=weight, labels=everything))
    truth = np.eye(case.n_classes)[label]
    assert baseline["brier"] == pytest.approx(np.average(((probs - truth) ** 2).sum(axis=1), weights=weight))
    assert baseline["accuracy"] == pytest.approx(np.average(label == prior.argmax(), weights=weight))


def test_temperatures(case: Case) -> None:
    calibration = case.result["calibration"]
    policy = best_temperature(case, case.fit >= 0)
    assert calibration["temperature"] == pytest.approx(policy, rel=1e-6) == case.outcome.policy.calibrator.temperature_
    assert calibration["converged"]
    assert abs(calibration["gradient"]) < 1e-7
    assert [fit["temperature"] for fit in calibration["fits"]] == pytest.approx(
        case.temperatures() if case.fit.max() == 1 else [], rel=1e-6
    )
    # The sandwich formula, with the derivatives in log T taken numerically.
    fitted = case.fit >= 0
    logits, label, weight = case.logits[fitted], case.label[fitted], case.weight[fitted]
    step = 1e-4
    up, middle, down = (nlls(logits / (policy * math.exp(h)), label) for h in (step, 0.0, -step))
    slope, bend = (up - down) / (2 * step), (up - 2 * middle + down) / step**2
    error = policy * math.sqrt(weight**2 @ slope**2) / (weight @ bend)
    assert calibration["standard_error"] == pytest.approx(error, rel=1e-3)


@WHEN
def test_calibration_error(case: Case, when: str) -> None:
    logits, label, weight, _ = case.scored(when)
    probs, part = softmax(logits), case.result["calibration"][when]
    confidence, right = probs.max(axis=1), probs.argmax(axis=1) == label
    ece = mce = 0.0
    seen: list[int] = []
    for b in range(15):
        rows = (confidence >= b / 15) & (confidence < (b + 1) / 15 if b < 14 else confidence <= 1)
        if not rows.any():
            continue
        accuracy = np.average(right[rows], weights=weight[rows])
        gap = abs(accuracy - np.average(confidence[rows], weights=weight[rows]))
        ece += weight[rows].sum() / weight.sum() * gap
        mce = max(mce, gap)
        entry = part["bins"][len(seen)]
        assert (entry["low"], entry["high"]) == pytest.approx((b / 15, (b + 1) / 15))
        assert entry["n"] == pytest.approx(weight[rows].sum())
        assert entry["confidence"] == pytest.approx(np.average(confidence[rows], weights=weight[rows]), rel=1e-12)
        assert_share(entry["accuracy"], right[rows], weight[rows])
        seen.append(b)
    assert len(seen) == len(part["bins"])
    assert part["ece"]["value"] == pytest.approx(ece, rel=1e-10)
    assert part["mce"] == pytest.approx(mce, rel=1e-10)
    assert part["mean_confidence"] == pytest.approx(np.average(confidence, weights=weight), rel=1e-12)


def test_classes(case: Case) -> None:
    logits, label, weight, _ = case.scored("after")
    probs, predicted, losses = softmax(logits), logits.argmax(axis=1), nlls(logits, label)
    for k, (known, measured) in enumerate(zip(case.result["classes"], case.result["per_class"], strict=True)):
        own, said = label == k, predicted == k
        assert known["fit_rows"] == (case.label[case.fit >= 0] == k).sum()
        assert known["score_rows"] == measured["n"] == own.sum()
        assert known["share"] == pytest.approx(weight[own].sum() / weight.sum(), rel=1e-12)
        assert measured["predicted"] == pytest.approx(weight[said].sum())
        assert_share(measured["recall"], said[own], weight[own])
        assert_share(measured["precision"], own[said], weight[said])
        assert measured["mean_probability"] == pytest.approx(np.average(probs[:, k], weights=weight), rel=1e-9)
        assert measured["nll"] == pytest.approx(np.average(losses[own], weights=weight[own]), rel=1e-10)


def test_confusion(case: Case) -> None:
    logits, label, weight, _ = case.scored("after")
    expected = sk.confusion_matrix(label, logits.argmax(axis=1), sample_weight=weight, labels=range(case.n_classes))
    confusion = case.result["confusion"]
    assert confusion["complete"]
    np.testing.assert_allclose(confusion["matrix"], expected, rtol=1e-12)
    wrong = [(expected[i, j], i, j) for i in range(case.n_classes) for j in range(case.n_classes) if i != j]
    pairs = [(p["count"], p["share"]) for p in confusion["pairs"]]
    assert [count for count, _ in pairs] == pytest.approx(sorted((w[0] for w in wrong if w[0]), reverse=True)[:20])
    for pair in confusion["pairs"]:
        i, j = pair["true"], pair["predicted"]
        assert (pair["count"], pair["share"]) == pytest.approx((expected[i, j], expected[i, j] / expected[i].sum()))


def test_worst_rows(case: Case) -> None:
    logits, label, weight, row = case.scored("after")
    losses, wrong = nlls(logits, label), logits.argmax(axis=1) != label
    worst = sorted(np.flatnonzero(wrong), key=lambda i: -losses[i])[:20]
    listed = case.result["worst_rows"]["rows"]
    assert [entry["row"] for entry in listed] == row[worst].tolist()
    assert [entry["label"] for entry in listed] == label[worst].tolist()
    assert [entry["predicted"] for entry in listed] == logits.argmax(axis=1)[worst].tolist()
    assert [entry["nll"] for entry in listed] == pytest.approx(losses[worst], rel=1e-9)
    assert [entry["confidence"] for entry in listed] == pytest.approx(softmax(logits).max(axis=1)[worst], rel=1e-9)
    for point in case.result["worst_rows"]["loss_share"]:
        above = losses >= point["nll_at_least"] * (1 - 1e-5)  # it is rounded to 5 digits
        assert point["rows_share"] == pytest.approx(weight[above].sum() / weight.sum(), abs=1e-4)
        assert point["loss_share"] == pytest.approx(weight[above] @ losses[above] / (weight @ losses), abs=1e-4)
    assert case.result["worst_rows"]["loss_share"][-1]["loss_share"] == 1.0


def brute_threshold(case: Case, k: int, rows: Array, temperature: float) -> float | None:
    """Return the threshold of a class: of all edges of the histogram the one that the goal asks for."""
    probs = softmax(case.logits[rows] / temperature)[:, k]
    own, weight = case.label[rows] == k, case.weight[rows]
    flagged = probs[:, None] >= EDGES
    mass, found = weight @ flagged, (weight * own) @ flagged
    goal = case.result["thresholds"]
    with np.errstate(invalid="ignore"):
        reached = found / weight[own].sum() if goal["target"] == "recall" else found / mass
    good = EDGES[(reached >= goal["goal"] - 1e-12) & (mass > 0)]
    if not len(good):
        return None
    return float(good.max() if goal["target"] == "recall" else good.min())


def test_thresholds_are_the_best_edges_and_are_tried_on_rows_that_did_not_choose_them(case: Case) -> None:
    thresholds = case.result["thresholds"]
    fits = case.result["calibration"]["fits"] or [case.result["calibration"]]
    temperatures = [fit["temperature"] for fit in fits]
    everything = case.fit >= 0
    flags, own, weight = [], [], []
    for number, temperature in enumerate(temperatures):
        chosen = [brute_threshold(case, k, case.fit == number, temperature) for k in range(case.n_classes)]
        rows = case.score == number
        limits = np.array([2.0 if t is None else t for t in chosen])
        flags.append(softmax(case.logits[rows] / temperature) >= limits * (1 + 1e-13))
        own.append(np.eye(case.n_classes, dtype=bool)[case.label[rows]])
        weight.append(case.weight[rows])
    flagged, truth, mass = np.concatenate(flags), np.concatenate(own), np.concatenate(weight)
    for k, entry in enumerate(thresholds["per_class"]):
        expected = brute_threshold(case, k, everything, case.outcome.policy.calibrator.temperature_)
        assert expected is not None
        assert entry["threshold"] == pytest.approx(expected, rel=1e-9) == case.outcome.policy.thresholds[k]
        mass_of = case.weight[everything][case.label[everything] == k]
        assert entry["fit_positives"] == pytest.approx(mass_of.sum() ** 2 / max((mass_of**2).sum(), 1e-300), abs=1e-3)
        assert_share(entry["recall"], flagged[truth[:, k], k], mass[truth[:, k]])
        assert_share(entry["precision"], truth[flagged[:, k], k], mass[flagged[:, k]])
        assert entry["flagged_share"] == pytest.approx(mass[flagged[:, k]].sum() / mass.sum(), rel=1e-12)
        needed = 29 if thresholds["target"] == "recall" else None  # 0.9^29 < 0.05 < 0.9^28
        assert entry["needed_positives"] == needed
    decision, count = thresholds["decision"], flagged.sum(axis=1)
    for name, which in (("none", count == 0), ("one", count == 1), ("several", count > 1)):
        assert decision[name] == pytest.approx(mass[which].sum() / mass.sum(), rel=1e-12), name
    assert_share(decision["accuracy_when_one"], truth[count == 1][flagged[count == 1]], mass[count == 1])
    assert decision["argmax_accuracy"] == case.result["scores"]["after"]["accuracy"]


def test_curves_follow_the_scored_rows(case: Case) -> None:
    logits, label, weight, _ = case.scored("after")
    probs = softmax(logits)
    for entry in case.result["thresholds"]["per_class"]:
        own = label == entry["index"]
        for point in entry["curve"]:
            edge = EDGES[np.abs(EDGES - point["threshold"]).argmin()]  # the point is rounded
            assert point["threshold"] == pytest.approx(edge, rel=1e-4)
            assert 1 - point["threshold"] == pytest.approx(1 - edge, rel=1e-4)
            flagged = probs[:, entry["index"]] >= edge
            assert point["recall"] == pytest.approx(weight[flagged & own].sum() / weight[own].sum(), abs=1e-4)
            assert point["precision"] == pytest.approx(weight[flagged & own].sum() / weight[flagged].sum(), abs=1e-4)
            assert point["flagged_share"] == pytest.approx(weight[flagged].sum() / weight.sum(), abs=1e-4)
        shares = [point["flagged_share"] for point in entry["curve"]]
        assert shares == sorted(shares, reverse=True)
        assert shares[0] == 1.0


def test_slices(case: Case) -> None:
    logits, label, weight, row = case.scored("after")
    right, losses = logits.argmax(axis=1) == label, nlls(logits, label)
    (table,) = case.result["slices"]
    assert (table["column"], table["kind"], table["sampled"]) == ("site", "values", False)
    assert [value["value"] for value in table["values"]] == ["north", "south"]
    for value in table["values"]:
        rows = (row % 3 == 0) == (value["value"] == "north")
        assert value["n"] == pytest.approx(effective(weight[rows]), abs=1e-3)
        assert_share(value["accuracy"], right[rows], weight[rows])
        assert value["nll"]["value"] == pytest.approx(np.average(losses[rows], weights=weight[rows]), rel=1e-10)
        confidence = softmax(logits).max(axis=1)[rows]
        assert value["mean_confidence"] == pytest.approx(np.average(confidence, weights=weight[rows]), rel=1e-10)
        bins = np.minimum((confidence * 15).astype(int), 14)
        gaps = [weight[rows][bins == b] @ (right[rows] - confidence)[bins == b] for b in np.unique(bins)]
        assert value["ece"]["value"] == pytest.approx(sum(map(abs, gaps)) / weight[rows].sum(), rel=1e-9)


def test_design_counts_every_row(case: Case) -> None:
    design, dirty = case.result["design"], "dirty" in case.name.split()
    assert design["mode"] == ("split" if "split" in case.name.split() else "cross-fit")
    assert design["fit_rows"] == (case.fit >= 0).sum() == case.result["calibration"]["fit_rows"]
    assert design["score_rows"] == (case.score >= 0).sum()
    assert case.result["source"]["rows"] == 700
    assert (design["invalid_rows"], design["ignored_rows"]) == ((5, 5) if dirty else (0, 0))
    assert ("3 rows of weight 0 were left out" in design["sentence"]) == dirty


@pytest.mark.parametrize("case", [name for name in NAMES if name.startswith("split")], indirect=True)
def test_policy_in_deployment_scores_as_the_report_says(case: Case) -> None:
    """The NLL and the decisions of policy.json, played on the test rows, are those of the report."""
    _, label, weight, _ = case.scored("after")
    logits = case.logits[case.score >= 0]
    decision = case.outcome.policy.decide(softmax(logits) if "probs" in case.name.split() else logits)
    loss = sk.log_loss(label, decision.probs, sample_weight=weight, labels=range(case.n_classes))
    assert case.result["scores"]["after"]["nll"]["value"] == pytest.approx(loss, abs=1e-10)
    outcome = case.result["thresholds"]["decision"]
    decided = decision.label >= 0
    assert outcome["one"] == pytest.approx(weight[decided].sum() / weight.sum())
    assert_share(outcome["accuracy_when_one"], decision.label[decided] == label[decided], weight[decided])


def test_policy_reaches_its_goal_on_the_rows_that_chose_it(case: Case) -> None:
    fitted = case.fit >= 0
    logits, label, weight = case.logits[fitted], case.label[fitted], case.weight[fitted]
    flags = case.outcome.policy.decide(softmax(logits) if "probs" in case.name.split() else logits).flags
    for k in range(case.n_classes):
        of = label == k if case.result["thresholds"]["target"] == "recall" else flags[:, k]
        reached = weight[of & flags[:, k] & (label == k)].sum() / weight[of].sum()
        assert reached >= case.result["thresholds"]["goal"] - 1e-12


def test_result_is_valid_json_of_the_schema(case: Case) -> None:
    assert_valid(case.outcome)


# Corners -------------------------------------------------------------------------------------------------------------


def assert_valid(outcome: Outcome) -> None:
    result = json.loads(json.dumps(outcome.result, allow_nan=False))
    jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(result)
    assert outcome.policy.to_json()
    assert_every_null_has_a_reason(result, "")


#: Nulls that say "not asked for" or "not there" rather than "could not be computed".
_PLAIN_NULLS = {
    *("needed_positives", "confidence", "assumptions", "needed", "proven", "unknowns", "gate", "bytes", "sha256"),
    *("weight_column", "split_column", "label_column"),
}


def assert_every_null_has_a_reason(value: Any, path: str) -> None:
    if isinstance(value, list):
        for entry in value:
            assert_every_null_has_a_reason(entry, path)
    elif isinstance(value, dict):
        for key, entry in value.items():
            of_curve = path.endswith(".curve")  # the class's recall has the reason
            assert entry is not None or key in _PLAIN_NULLS or "reason" in value or of_curve, f"{path}.{key}"
            assert_every_null_has_a_reason(entry, f"{path}.{key}")


def corner(name: str) -> tuple[ArraySource, Options]:
    logits, label = calibrated(60, 3, seed=5)
    options = Options(slices=(SliceSpec("x", quantiles=2),))
    slices = {"x": np.arange(60.0)}
    split: list[str] | None = split_of(60)
    if name == "a class without rows":
        label = np.where(label == 2, 0, label)
    elif name == "one test row":
        split = ["calibration"] * 59 + ["test"]
    elif name == "one row":
        return ArraySource(logits[:1], label[:1]), Options()
    elif name == "infinite loss":
        logits[np.arange(40, 60), label[40:]] = -np.inf
    elif name == "separable":
        logits[np.arange(60), label] = 20.0
    elif name == "separable, cross-fit":
        logits[np.arange(60), label], split = 20.0, None
    elif name == "uninformative":
        label = logits.argmin(axis=1)
    elif name == "constant":
        logits[:] = 0.0
    elif name == "two classes":
        logits, label = calibrated(60, 2, seed=6)
    elif name == "1100 classes":
        logits, label = calibrated(60, 1100, seed=7)
    elif name == "huge loss":
        logits = 1e5 * logits
    elif name == "all slices missing":
        slices = {"x": np.full(60, np.nan)}
    elif name == "one heavy row":
        weight = np.full(60, 1e-9)
        weight[[0, 59]] = 1e9
        return ArraySource(logits, label, weight=weight, split=split, slices=slices), options
    return ArraySource(logits, label, split=split, slices=slices), options


CORNERS = (
    "a class without rows",
    "one test row",
    "one row",
    "infinite loss",
    "separable",
    "separable, cross-fit",
    "uninformative",
    "constant",
    "two classes",
    "1100 classes",
    "huge loss",
    "all slices missing",
    "one heavy row",
)


@pytest.mark.parametrize("name", CORNERS)
def test_corners_are_valid_json_of_the_schema(name: str) -> None:
    assert_valid(audit(*corner(name)))


def test_corner_one_test_row() -> None:
    source, options = corner("one test row")
    result = audit(source, options).result
    nll = result["scores"]["before"]["nll"]
    logits, label = calibrated(60, 3, seed=5)
    assert nll["value"] == pytest.approx(nlls(logits[59:], label[59:])[0])
    assert (nll["low"], nll["high"], nll["n"]) == (None, None, 1)
    assert "no interval" in nll["reason"]


def test_corner_infinite_loss() -> None:
    result = audit(*corner("infinite loss")).result
    for when in ("before", "after"):
        scores = result["scores"][when]
        assert scores["nll"]["value"] is scores["nll_bits"] is scores["perplexity"] is None
        assert "probability 0" in scores["reason"]
        assert 0 < scores["brier"]["value"] <= 2
    assert {row["row"] for row in result["worst_rows"]["rows"]} <= set(range(40, 60))
    assert result["worst_rows"]["rows"][0]["nll"] is None
    assert result["worst_rows"]["loss_share"] == []


@pytest.mark.parametrize(
    ("name", "word"), [("separable", "right"), ("separable, cross-fit", "right"), ("uninformative", "infinite")]
)
def test_corner_without_a_temperature(name: str, word: str) -> None:
    outcome = audit(*corner(name))
    calibration, scores = outcome.result["calibration"], outcome.result["scores"]
    assert calibration["temperature"] is None
    assert word in calibration["reason"]
    assert outcome.policy.calibrator.temperature_ == 1.0
    assert scores["before"]["accuracy"] == scores["after"]["accuracy"]
    for score in ("nll", "brier"):
        before, after = (scores[when][score]["value"] for when in ("before", "after"))
        assert after == pytest.approx(before, rel=1e-9)  # added up in another order


def test_corner_class_without_rows() -> None:
    outcome = audit(*corner("a class without rows"))
    (entry,) = (c for c in outcome.result["per_class"] if c["recall"]["value"] is None)
    assert (entry["index"], entry["n"], entry["nll"]) == (2, 0, None)
    assert entry["mean_probability"] > 0
    assert outcome.policy.thresholds[2] is None
    assert outcome.result["thresholds"]["per_class"][2]["reason"] == "no row that may be learnt from is of this class"
    recalls = [c["recall"]["value"] for c in outcome.result["per_class"][:2]]
    assert outcome.result["scores"]["after"]["macro_recall"]["value"] == pytest.approx(np.mean(recalls))


def test_corner_many_classes_have_no_confusion_table() -> None:
    result = audit(*corner("1100 classes")).result
    assert result["confusion"] == {"classes": [], "complete": False, "matrix": [], "pairs": []}
    assert [entry["k"] for entry in result["scores"]["after"]["top_k"]] == [1, 2, 3, 5, 10]


def test_more_than_40_classes_show_those_with_most_errors() -> None:
    logits, label = calibrated(3000, 60, seed=1)
    confusion = audit(ArraySource(logits, label, split=split_of(3000))).result["confusion"]
    table = sk.confusion_matrix(label[1500:], logits[1500:].argmax(axis=1), labels=range(60))
    errors = table.sum(axis=0) + table.sum(axis=1) - 2 * np.diag(table)
    shown = confusion["classes"]
    assert not confusion["complete"]
    assert len(shown) == 40
    assert min(errors[shown]) >= max(np.delete(errors, shown))
    np.testing.assert_array_equal(confusion["matrix"], table[np.ix_(shown, shown)])


def test_coarse_probabilities_at_an_edge_are_flagged() -> None:
    """0.9 is an edge of the histogram; a softmax of the logarithms misses it by a unit in the last place."""
    for p in (0.9, 0.6, 0.68, 0.84):
        probs = np.array([[p, 1 - p], [1 - p, p]] * 20)
        outcome = audit(ArraySource(probs, [0, 1] * 20, kind="probs"))
        assert outcome.policy.calibrator.temperature_ == 1.0  # every row is right
        assert outcome.policy.decide(probs).label.tolist() == [0, 1] * 20
        assert outcome.result["thresholds"]["decision"]["one"] == 1.0


def test_state_of_the_engine_is_what_the_result_was_built_from() -> None:
    logits, label = calibrated(200, 3, seed=9)
    state = run(ArraySource(logits, label), Options())
    assert state.fit_rows == state.score_rows == 200
    assert state.fit_counts.tolist() == np.bincount(label).tolist()
