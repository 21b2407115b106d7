"""Each finding: a table that must bring it up, and a twin that must not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from xent.audit import Options, SliceSpec
from xent.audit.chance import binomial, chance_to_miss, fisher
from xent.audit.findings import SEVERITIES
from xent.decisions.thresholds import Goal

from .factories import ArraySource, Outcome, audit, calibrated, codes, draw, result_of, softmax, split_of

Array = NDArray[Any]
Audited = tuple[ArraySource, Options] | tuple[ArraySource, Options, ArraySource]
EASY = Options(Goal("recall", 0.8))  # a goal that a few hundred rows can promise


class Case(NamedTuple):
    """``build(True)`` brings up the finding, ``build(False)`` does not; ``seen`` are words that it must say."""

    build: Callable[[bool], Audited]
    severity: str = "warning"
    seen: tuple[str, ...] = ()
    rows: tuple[int, ...] = ()
    classes: tuple[int, ...] = ()


def plain(wrong: bool, n: int = 400, scale: float = 1.0, **more: Any) -> Audited:
    logits, label = calibrated(n, 4, seed=2)
    return ArraySource(scale * logits, label, split=split_of(n), **more), EASY


def probs_as_logits(wrong: bool) -> Audited:
    logits, label = calibrated(200, 4, seed=1)
    return ArraySource(softmax(logits), label, kind="logits" if wrong else "probs"), EASY


def all_but_one_are_probs(wrong: bool) -> Audited:
    """The first row is broken: what the others are must be seen all the same."""
    logits, label = calibrated(200, 4, seed=1)
    scores = softmax(logits)
    scores[0] = np.nan
    scores[1:, 0] += 0.0 if wrong else 0.5
    return ArraySource(scores, label), EASY


def some_are_probs(wrong: bool) -> Audited:
    """Every third row, the first not among them."""
    logits, label = calibrated(300, 4, seed=1)
    if wrong:
        logits[1::3] = softmax(logits[1::3])
    return ArraySource(logits, label), EASY


def biased_classes(wrong: bool) -> Audited:
    """Each class's logit is off by a number of its own: no temperature mends it, a bias does."""
    logits, label = calibrated(3000, 4, seed=5)
    return ArraySource(logits + (np.linspace(-1.5, 1.5, 4) if wrong else 0.0), label), EASY


def promised(wrong: bool) -> Audited:
    """Of class 2 there are 20 rows, about half of which choose: too few for any recall of 0.8 with 95 %."""
    logits, label = calibrated(600, 3, seed=3)
    few = np.flatnonzero(label == 2)[20:] if wrong else []
    source = ArraySource(np.delete(logits, few, axis=0), np.delete(label, few))
    return source, Options(Goal("recall", 0.8, confidence=0.95))


def unknown_inputs(wrong: bool) -> Audited:
    logits, label = calibrated(600, 4, seed=2, spread=4.0)
    others = np.random.default_rng(1).normal(0.0, 4.0 if wrong else 0.1, (400, 4))
    return ArraySource(logits, label), EASY, ArraySource(others, None, name="noise")


def miscalibrated_for_good(wrong: bool) -> Audited:
    return two_temperatures(True) if wrong else plain(False)


def beyond_float64(wrong: bool) -> Audited:
    return plain(wrong, scale=1e200 if wrong else 1e100)


def out_of_range(wrong: bool) -> Audited:
    logits, label = calibrated(200, 4, seed=1)
    label[[3, 9]] = 7
    return ArraySource(logits, label), Options(EASY.goal, ignore_index=-100 if wrong else 7)


def unlabelled(wrong: bool) -> Audited:
    logits, label = calibrated(200, 2, seed=1)
    words = np.array(["cat", "dog"], dtype=object)[label]
    words[[5, 6]] = None if wrong else "cat"
    return ArraySource(logits, words, names=["cat", "dog"]), EASY


def not_finite(wrong: bool) -> Audited:
    logits, label = calibrated(200, 4, seed=1)
    label[[2, 4, 8]] = 0
    logits[2] = np.nan if wrong else 0.0
    logits[4, 1] = np.inf if wrong else -np.inf
    logits[8] = -np.inf if wrong else [0, -np.inf, -np.inf, -np.inf]
    return ArraySource(logits, label), EASY


def no_distribution(wrong: bool) -> Audited:
    logits, label = calibrated(200, 4, seed=1)
    probs = softmax(logits)
    probs[11] *= 0.5 if wrong else 1.005
    return ArraySource(probs, label, kind="probs"), EASY


def impossible_label(wrong: bool) -> Audited:
    logits, label = calibrated(200, 4, seed=1)
    probs = softmax(logits)
    probs[[21, 31], label[[21, 31]]] = 0.0 if wrong else 1e-30
    probs /= probs.sum(axis=1, keepdims=True)
    return ArraySource(probs, label, kind="probs"), EASY


def overconfident(wrong: bool, n: int = 2000) -> Audited:
    return plain(wrong, n, 2.0 if wrong else 1.0)


def a_little_overconfident(wrong: bool) -> Audited:
    """A gap that 40 000 rows prove, and that is small."""
    return plain(wrong, 80_000, 1.05 if wrong else 1.0)


def two_temperatures(wrong: bool) -> Audited:
    logits, label = calibrated(4000, 4, seed=1)
    scale = np.where(np.arange(4000) % 2, 4.0, 0.4) if wrong else np.full(4000, 2.0)
    return ArraySource(logits * scale[:, None], label, split=split_of(4000)), EASY


def separable(wrong: bool) -> Audited:
    logits, label = calibrated(200, 4, seed=1)
    if wrong:
        logits[np.arange(200), label] = 20.0
    return ArraySource(logits, label), EASY


def misleading(wrong: bool) -> Audited:
    logits, label = calibrated(200, 4, seed=1)
    return ArraySource(-logits if wrong else logits, label), EASY


def other_population(wrong: bool) -> Audited:
    logits, label = calibrated(2000, 4, seed=1)
    logits[:1000] *= 3.0 if wrong else 1.0
    return ArraySource(logits, label, split=split_of(2000)), EASY


def no_row_of_a_class(wrong: bool) -> Audited:
    logits, label = calibrated(400, 4, seed=1)
    label[label == 2] = 1
    label[7] = 1 if wrong else 2
    return ArraySource(logits, label, split=split_of(400)), EASY


def class_as_ignore_index(wrong: bool) -> Audited:
    source, _ = plain(wrong)
    return source, Options(EASY.goal, ignore_index=1 if wrong else 255)


def never_predicted(wrong: bool) -> Audited:
    logits, label = calibrated(400, 4, seed=1)
    logits[:, 3] -= 50.0
    label[np.flatnonzero(label == 3)[5 if wrong else 4 :]] = 0
    return ArraySource(logits, label), EASY


def rare_class(wrong: bool) -> Audited:
    """One row in twenty is of class 3, and is found as often as not; the twin finds it as often as the others."""
    random = np.random.default_rng(3)
    label = random.choice(4, 2000, p=[0.35, 0.3, 0.3, 0.05])
    found = random.random(2000) < np.where((label == 3) & wrong, 0.4, 0.9)
    said = np.where(found, label, (label + random.integers(1, 4, 2000)) % 4)
    return ArraySource(4 * np.eye(4)[said] + random.normal(0, 0.1, (2000, 4)), label), EASY


def base_rates(wrong: bool) -> Audited:
    logits, label = calibrated(2000, 4, seed=1)
    logits[:, 2] += 1.0 if wrong else 0.0
    return ArraySource(logits, label), EASY


def a_class_that_is_expected_and_absent(wrong: bool) -> Audited:
    logits, label = calibrated(800, 4, seed=1)
    label[label == 2] = 1 if wrong else 2
    label[5] = 2
    return ArraySource(logits, label), EASY


def few_positives(wrong: bool) -> Audited:
    label = np.repeat([0, 1, 2], [300, 300, 50 if wrong else 300])
    random = np.random.default_rng(0)
    logits = 2 * np.eye(3)[label] + random.normal(size=(len(label), 3))
    both = ArraySource(np.tile(logits, (2, 1)), np.tile(label, 2), split=split_of(2 * len(label)))
    return both, Options(Goal("recall", 0.99))


def unreachable_precision(wrong: bool) -> Audited:
    random = np.random.default_rng(0)
    label = random.integers(0, 3, 600)
    label[label == 2] = 0
    logits = random.normal(size=(600, 3)) + np.eye(3)[label]
    logits[:20, 1], label[:20] = 9.0, 0  # the rows that look most like class 1 are not
    return ArraySource(logits, label), Options(Goal("precision", 0.97 if wrong else 0.3))


def goal_missed(wrong: bool) -> Audited:
    """On the test rows class 1 scores lower than it did on the calibration rows."""
    random = np.random.default_rng(0)
    label = random.integers(0, 3, 4000)
    logits = 3 * np.eye(3)[label] + random.normal(size=(4000, 3))
    logits[2000:][label[2000:] == 1, 1] -= 1.5 if wrong else 0.0
    return ArraySource(logits, label, split=split_of(4000)), Options(Goal("recall", 0.95))


def bad_slice(wrong: bool) -> Audited:
    logits, label = calibrated(2000, 4, seed=1, spread=4.0)
    site = np.where(np.arange(2000) % 10 == 0, "quarry", "road")
    spoilt = (site == "quarry") & (np.arange(2000) % 3 == 0) & wrong
    label = np.where(spoilt, (logits.argmax(axis=1) + 1) % 4, label)
    return ArraySource(logits, label, slices={"site": site}), Options(EASY.goal, (SliceSpec("site"),))


def leak(wrong: bool) -> Audited:
    logits, label = calibrated(400, 4, seed=1)
    if wrong:
        logits[300], label[300] = logits[17], label[17]
    return ArraySource(logits, label, split=split_of(400)), EASY


def coarse(wrong: bool) -> Audited:
    logits, label = calibrated(600, 3, seed=1)
    return ArraySource(np.round(logits) if wrong else logits, label), EASY


def one_float32(wrong: bool) -> Audited:
    """Two classes, one float32: of 60 000 rows some are the same by chance. In float64 none is."""
    logits, _ = calibrated(60_000, 2, seed=1)
    label = logits.argmax(axis=1)
    margin = np.zeros_like(logits)
    margin[:, 1] = logits[:, 1] - logits[:, 0]
    return ArraySource(margin.astype(np.float32 if wrong else np.float64), label), EASY


def rounded_probabilities(wrong: bool) -> Audited:
    """Of probabilities of three digits confident rows share a few patterns: that is no leak."""
    logits, label = calibrated(2000, 4, seed=1, spread=4.0)
    probs = softmax(logits)
    return ArraySource(np.round(probs, 3) if wrong else probs, label, kind="probs"), EASY


CASES = {
    "XA101": Case(probs_as_logits, "error", ("All 200 rows",)),
    "XA101 beside a broken row": Case(all_but_one_are_probs, "error", ("All 199 rows",)),
    "XA101 mixed": Case(some_are_probs, "warning", ("100 of 300 rows",)),
    "XA102": Case(out_of_range, "error", ("outside 0 … 3", ": 2. Row 3 (7), row 9 (7)."), (3, 9)),
    "XA103": Case(unlabelled, "error", ("Rows without a label", ": 2. Row 5"), (5, 6)),
    "XA104": Case(not_finite, "error", (": 3. Row 2 (nan), row 4 (inf), row 8 (-inf).",), (2, 4, 8)),
    "XA105": Case(no_distribution, "error", (": 1. Row 11 (0.5).",), (11,)),
    "XA106": Case(impossible_label, seen=("2 scored rows", "row 21"), rows=(21, 31)),
    "XA201": Case(miscalibrated_for_good, seen=("ECE 0.", "The mean confidence is")),
    "XA201 settled": Case(overconfident, "info", ("ECE 0.1", "The mean confidence is")),
    "XA201 little": Case(a_little_overconfident, "info", ("ECE 0.0",)),
    "XA202": Case(two_temperatures, seen=("ECE 0.", "The mean confidence is")),
    "XA203": Case(separable, seen=("200 rows", "classified right")),
    "XA203 misled": Case(misleading, seen=("200 rows", "do not help")),
    "XA204": Case(other_population, seen=("NLL rises by 0.", "1,000 rows explains up to 0.0019")),
    "XA205": Case(beyond_float64, "error", ("still moves",)),
    "XA301": Case(no_row_of_a_class, seen=("1 of 4 classes have no row: 2.",), classes=(2,)),
    "XA302": Case(class_as_ignore_index, seen=("--ignore-index 1 is the class '1'", "rows are left out"), classes=(1,)),
    "XA303": Case(never_predicted, seen=("3: labelled in 5 scored rows, predicted in none",), classes=(3,)),
    "XA304": Case(rare_class, seen=("'3'", "recall of 4", "Classes concerned: 3"), classes=(3,)),
    "XA305": Case(base_rates, seen=("'2' is 2", "its mean calibrated probability is 36.6 %"), classes=(2,)),
    "XA305 absent": Case(a_class_that_is_expected_and_absent, seen=("'2' is 0.1 % of the rows",), classes=(1, 2)),
    "XA401": Case(few_positives, seen=("from 299 rows", "1 of 3 classes have fewer (2)", "'2' has 50"), classes=(2,)),
    "XA402": Case(
        unreachable_precision,
        seen=("1: no threshold reaches a precision of 0.97", "2: no row that may be learnt from"),
        classes=(1, 2),
    ),
    "XA403": Case(goal_missed, seen=("1 of 3 classes miss 0.95", "'1' has 0.7"), classes=(1,)),
    "XA501": Case(bad_slice, seen=("Error rate", "n = 200", "for the 2 slices compared")),
    "XA206": Case(biased_classes, "info", ("has a log loss", "below that of TemperatureScaling()")),
    "XA404": Case(promised, seen=("With 95 % confidence for all 3 classes", "2: ", "are too few"), classes=(2,)),
    "XA701": Case(unknown_inputs, seen=("keeps 95.0 % of the known rows", "of noise (AUROC 0.")),
    "XA601": Case(leak, seen=("2 rows", "calibration and test", "rows 17 and 300"), rows=(17, 300)),
    "XA601 coarse": Case(coarse, "info", ("probably just coarse",)),
    "XA601 rounded": Case(rounded_probabilities, "info", ("bit for bit",)),
    "XA601 by chance": Case(one_float32, "info", ("bit for bit",)),
}


@pytest.mark.parametrize("name", CASES)
def test_finding(name: str) -> None:
    code, case = name[:5], CASES[name]
    found = codes(*case.build(True))[code]
    assert found["severity"] == case.severity
    for words in case.seen:
        assert words in found["seen"]
    if case.rows:
        assert tuple(found["rows"]) == case.rows
    assert tuple(found["classes"]) == case.classes
    for part in ("title", "seen", "why", "do"):
        assert found[part][0].isupper() or found[part][0].isdigit() or part == "seen", found[part]
        assert found[part].endswith(".") == (part != "title"), found[part]


@pytest.mark.parametrize("name", CASES)
def test_twin_is_silent(name: str) -> None:
    twin = codes(*CASES[name].build(False))
    assert name[:5] not in twin or (name == "XA402" and twin["XA402"]["classes"] == [2])


def test_every_code_is_tried() -> None:
    """The codes are those in the docstrings of the rules: a new rule needs a case."""
    from xent.audit import findings

    written = " ".join(rule.__doc__ or "" for rule in findings._RULES).replace(",", "").replace(".", "").split()
    assert sorted(written) == sorted({name[:5] for name in CASES})


@pytest.fixture
def no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare many small audits the comparison of calibrators, which decides nothing in them."""
    monkeypatch.setattr("xent.audit.calibrators.compare", lambda *_: "not compared here")


def outcome_of(seed: int, mode: str) -> Outcome:
    """Audit a perfectly calibrated model on few rows, with slices that mean nothing."""
    logits, label = calibrated(300, 4, seed, prior=[0.4, 0.3, 0.2, 0.1])
    site = np.random.default_rng(10_000 + seed).choice(["a", "b", "c", "d", "e"], 300)
    split = split_of(300) if mode == "split" else None
    options = Options(EASY.goal, (SliceSpec("site"),))
    return audit(ArraySource(logits, label, split=split, slices={"site": site}), options)


@pytest.mark.usefixtures("no_comparison")
def test_the_halves_of_a_cross_fit_do_not_accuse_each_other() -> None:
    """The half that chose the higher threshold makes the other miss; adding up both gave 23 alarms of 150 here."""
    alarms = 0
    for seed in range(150):
        random = np.random.default_rng(seed)
        logits = 2 * random.normal(size=(40, 4))
        label = (logits + random.gumbel(size=(40, 4))).argmax(axis=1)
        found = result_of(ArraySource(logits, label), Options(seed=seed))["findings"]
        alarms += any(finding["code"] == "XA403" for finding in found)
    assert alarms <= 14  # 5 % of 150; more are beyond chance (binomial, 1 %)


@pytest.mark.usefixtures("no_comparison")
@pytest.mark.parametrize("mode", ["split", "cross-fit"])
def test_a_calibrated_model_is_seldom_accused(mode: str) -> None:
    """At most 5 % each, of 120 draws: 12 or more would be beyond chance (binomial, 1 %)."""
    counts: Counter[str] = Counter()
    for seed in range(120):
        counts.update(finding["code"] for finding in outcome_of(seed, mode).result["findings"])
    for code in ("XA201", "XA202", "XA204", "XA305", "XA403", "XA501"):
        assert counts[code] < 12, counts
    never = {"XA101", "XA102", "XA103", "XA104", "XA105", "XA106", "XA203", "XA301", "XA302", "XA303", "XA601"}
    assert not never & counts.keys()


@pytest.mark.parametrize("mode", ["split", "cross-fit"])
def test_a_large_clean_table_has_no_finding(mode: str) -> None:
    n = 8000
    logits, label = calibrated(n, 4, seed=12)
    split = split_of(n) if mode == "split" else None
    site = np.array(["north", "south"])[np.arange(n) % 2]
    result = result_of(
        ArraySource(logits, label, split=split, slices={"site": site}), Options(EASY.goal, (SliceSpec("site"),))
    )
    assert result["findings"] == []
    assert {check["status"] for check in result["checks"]} == {"ok"}


def test_findings_come_worst_first() -> None:
    logits, label = calibrated(600, 4, seed=1)
    probs = softmax(2 * logits)
    probs[5] *= 0.5
    label[label == 2] = 1
    found = result_of(ArraySource(probs, label, kind="probs"), EASY)["findings"]
    order = [(SEVERITIES.index(f["severity"]), f["code"]) for f in found]
    assert order == sorted(order)
    assert order[0] == (0, "XA105")
    assert len(order) > 2


def test_a_finding_names_few_of_many_rows() -> None:
    logits, label = calibrated(200, 4, seed=1)
    label[50:100] = 9
    found = codes(ArraySource(logits, label), EASY)["XA102"]
    assert found["rows"] == list(range(50, 60))
    assert found["seen"].endswith(": 50. Row 50 (9), row 51 (9), row 52 (9), row 53 (9), row 54 (9) and 45 more.")


# The rules' statistics ------------------------------------------------------------------------------------------------


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_fisher(wrong: int, right: int, rest_wrong: int, rest_right: int) -> None:
    expected = scipy.stats.fisher_exact([[wrong, right], [rest_wrong, rest_right]], alternative="greater").pvalue
    assert fisher(wrong, wrong + right, rest_wrong, rest_wrong + rest_right) == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([0.0, 0.001, 0.01, 0.3, 0.5, 0.99, 1.0]))
def test_binomial(wrong: int, right: int, chance: float) -> None:
    expected = scipy.stats.binom.sf(wrong - 1, wrong + right, chance)
    assert binomial(wrong, wrong + right, chance) == pytest.approx(expected, rel=1e-9)


def test_binomial_of_many_rows() -> None:
    expected = scipy.stats.binom.sf(10_299, 1_000_000, 0.01)
    assert binomial(10_300, 1_000_000, 0.01) == pytest.approx(expected, rel=1e-6)


def test_misses_on_new_rows_are_as_many_as_fisher_says() -> None:
    """XA403's null, played: the threshold is the j-th lowest of m scores, and judged by n new ones."""
    random, m, n, j = np.random.default_rng(0), 60, 80, 4
    scores = random.random((20_000, m + n))
    missed = (scores[:, m:] < np.sort(scores[:, :m], axis=1)[:, [j - 1]]).sum(axis=1)
    for few in (3, 6, 10, 15):
        assert (missed >= few).mean() == pytest.approx(fisher(few, n, j - 1, m), abs=3 * 0.5 / np.sqrt(20_000))


def test_fisher_of_many_rows() -> None:
    expected = scipy.stats.hypergeom.sf(20_499, 10_000_000, 200_000, 1_000_000)
    assert fisher(20_500, 1_000_000, 179_500, 9_000_000) == pytest.approx(expected, rel=1e-6)


@given(st.integers(1, 400), st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99]))
def test_chance_to_miss(n: int, goal: float) -> None:
    """The recall of the k-th lowest of n scores is Beta(n + 1 - k, k); k - 1 is the most rows that may lie below it."""
    k = max(k for k in range(1, n + 1) if (n - k + 1) / n >= goal - 1e-12)
    assert chance_to_miss(n, goal) == pytest.approx(scipy.stats.beta.cdf(goal, n + 1 - k, k), rel=1e-9)


def test_chance_to_miss_happens() -> None:
    """Play it: 50 rows choose the highest threshold with a recall of 0.9, and 5000 others judge it."""
    random = np.random.default_rng(0)
    missed = []
    for _ in range(2000):
        chosen = np.sort(random.random(50))[50 - 45]  # the highest that 45 of 50 reach
        missed.append(1 - chosen < 0.9)
    assert np.mean(missed) == pytest.approx(chance_to_miss(50, 0.9), abs=3 * 0.5 / np.sqrt(2000))


def test_few_mistakes_in_a_small_slice_are_no_finding() -> None:
    """2 mistakes of 20 against 1 % elsewhere: 4 standard errors of a normal, and 1 in 60 in truth; of 6 slices one."""
    n = 1220
    label, said = np.zeros(n, dtype=int), np.zeros(n, dtype=int)
    said[[0, 1, *range(20, 1220, 101)]] = 1
    site = np.array(["small"] * 20 + [f"s{i % 5}" for i in range(1200)])
    deviation = np.sqrt(14 / n * (1 - 14 / n) * (1 / 20 + 1 / 1200))
    assert 6 * scipy.stats.norm.sf((2 / 20 - 12 / 1200) / deviation) < 0.01
    noise = np.random.default_rng(0).normal(0, 0.1, (n, 2))
    source = ArraySource(3 * np.eye(2)[said] + noise, label, slices={"site": site})
    assert "XA501" not in codes(source, Options(EASY.goal, (SliceSpec("site"),)))


@pytest.mark.parametrize(("heavy", "found"), [(1.0, True), (1000.0, False)])
def test_slices_are_compared_by_weight(heavy: float, found: bool) -> None:
    """A share of mistakes that comes from a few heavy rows is little evidence: the effective number of rows says so."""
    logits, _ = calibrated(400, 3, seed=4, spread=6.0)
    label = logits.argmax(axis=1)
    site, weight = np.array(["a"] * 200 + ["b"] * 200), np.ones(400)
    label[:40] = (label[:40] + 1) % 3
    weight[:2] = heavy
    source = ArraySource(logits, label, weight=weight, slices={"site": site})
    result = result_of(source, Options(EASY.goal, (SliceSpec("site"),)))
    assert ("XA501" in {f["code"] for f in result["findings"]}) == found
    right = 160 / (160 + 38 + 2 * heavy)
    assert result["slices"][0]["values"][0]["accuracy"]["value"] == pytest.approx(right)


def test_certain_probabilities_are_no_copies() -> None:
    """A saturated softmax gives the same row of one 1 and zeros again and again."""
    random = np.random.default_rng(0)
    logits, label = calibrated(600, 3, seed=2)
    probs = softmax(logits)
    sure = random.random(600) < 0.2
    probs[sure] = np.eye(3)[draw(probs[sure], random)]
    label = np.where(sure, probs.argmax(axis=1), label)
    result = result_of(ArraySource(probs, label, kind="probs"), EASY)
    assert "XA601" not in {f["code"] for f in result["findings"]}
    (check,) = (c for c in result["checks"] if c["name"] == "Identical rows")
    assert f"Left out are {sure.sum()}" in check["detail"]
