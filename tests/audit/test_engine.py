"""The passes: what they may depend on, and what they may not."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from xent.audit import Options, SliceSpec
from xent.audit.source import Batch, Description, Source
from xent.calibration import fit_temperature
from xent.decisions.thresholds import Goal
from xent.errors import DataError, OptionError

from .factories import ArraySource, Rebatched, audit, calibrated, draw, result_of, run, softmax, split_of

Array = NDArray[Any]

#: What says when and how an audit ran rather than what it found.
_CIRCUMSTANCES = ("created", "provenance")


def facts_of(source: Source, options: Options | None = None) -> dict[str, Any]:
    result = result_of(source, options)
    return {key: value for key, value in result.items() if key not in _CIRCUMSTANCES}


def assert_close(one: Any, other: Any, path: str = "") -> None:
    """Check that two results are equal: numbers to 1e-11, everything else exactly."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for key in one:
            assert_close(one[key], other[key], f"{path}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), path
        for i, pair in enumerate(zip(one, other, strict=True)):
            assert_close(*pair, f"{path}[{i}]")
    elif isinstance(one, float):
        assert one == pytest.approx(other, rel=1e-11, abs=1e-11), path
    else:
        assert one == other, path


def source_of(
    mode: str, n: int = 900, order: Array | None = None, *, weight: Array | None = None, scale: float = 1.5
) -> ArraySource:
    logits, label = calibrated(n, 4, seed=3)
    age = np.random.default_rng(4).gamma(9.0, 5.0, n)
    split = np.array(split_of(n))
    chosen = np.arange(n) if order is None else order
    return ArraySource(
        scale * logits[chosen],
        label[chosen],
        split=split[chosen] if mode == "split" else None,
        slices={"age": age[chosen]},
        weight=None if weight is None else weight[chosen],
    )


OPTIONS = Options(Goal("recall", 0.95), (SliceSpec("age", quantiles=3),))
MODES = pytest.mark.parametrize("mode", ["split", "cross-fit"])


@MODES
@pytest.mark.parametrize("size", [1, 7, 256])
def test_batches_do_not_matter(mode: str, size: int) -> None:
    source = source_of(mode)
    assert_close(facts_of(source, OPTIONS), facts_of(Rebatched(source, size), OPTIONS))


def test_order_of_rows_does_not_matter_with_a_split() -> None:
    order = np.random.default_rng(0).permutation(900)
    one, other = facts_of(source_of("split"), OPTIONS), facts_of(source_of("split", order=order), OPTIONS)
    places = {row: place for place, row in enumerate(order.tolist())}
    for entry in one["worst_rows"]["rows"]:
        entry["row"] = places[entry["row"]]
    assert_close(one, other)


def test_seed_deals_the_halves() -> None:
    """Another seed, other halves: other scores after calibration, the same policy but for rounding."""
    outcomes = [audit(source_of("cross-fit"), Options(seed=seed)) for seed in (0, 1)]
    sizes = [[fit["fit_rows"] for fit in o.result["calibration"]["fits"]] for o in outcomes]
    assert sizes[0] != sizes[1]
    assert [sum(each) for each in sizes] == [900, 900]
    assert all(abs(a - b) < 5 * np.sqrt(900) for a, b in sizes)  # each half is a fair coin a row
    assert outcomes[0].policy.calibrator.temperature_ == pytest.approx(
        outcomes[1].policy.calibrator.temperature_, rel=1e-9
    )
    assert outcomes[0].policy.thresholds == pytest.approx(outcomes[1].policy.thresholds, rel=1e-9)
    nlls = [o.result["scores"]["after"]["nll"]["value"] for o in outcomes]
    assert nlls[0] != nlls[1]
    assert outcomes[0].result["scores"]["before"] == outcomes[1].result["scores"]["before"]


# Honesty -------------------------------------------------------------------------------------------------------------


def test_no_half_learns_from_its_own_labels() -> None:
    """Other labels in a half change what the other half is scored with, and nothing that this half is scored with."""
    source = source_of("cross-fit")
    logits, label = calibrated(900, 4, seed=3)
    logits = 1.5 * logits
    state = run(source, OPTIONS)
    half = np.array([np.concatenate([rows.fit for rows in state.rows("", lambda *_: None)])]).ravel()
    for own in (0, 1):
        spoilt = np.where(half == own, np.random.default_rng(own).integers(0, 4, 900), label)
        changed = run(ArraySource(logits, spoilt), Options(OPTIONS.goal))
        # Fit h learns from half h and scores the other one.
        assert changed.fits[1 - own].temperature == state.fits[1 - own].temperature
        np.testing.assert_array_equal(changed.thresholds[1 - own], state.thresholds[1 - own])
        assert changed.fits[own].temperature > 2 * state.fits[own].temperature
        assert (changed.thresholds[own] != state.thresholds[own]).all()


def test_test_rows_choose_nothing() -> None:
    logits, label = calibrated(900, 4, seed=3)
    split = split_of(900)
    spoilt = np.where(np.arange(900) < 450, label, (label + 1) % 4)
    one, other = (audit(ArraySource(logits, each, split=split)) for each in (label, spoilt))
    assert one.policy.calibrator.temperature_ == other.policy.calibrator.temperature_
    assert one.policy.thresholds == other.policy.thresholds
    assert one.result["scores"]["after"]["accuracy"]["value"] > other.result["scores"]["after"]["accuracy"]["value"]


@MODES
def test_recall_on_rows_that_did_not_choose_is_what_exchangeable_rows_give(mode: str) -> None:
    """The j-th lowest of m scores has an expected recall of 1 - j/(m+1) on new rows, and 1 - (j-1)/m on its own."""
    surplus, gap = [], []
    for seed in range(150):
        logits, label = calibrated(90, 2, seed, spread=1.0)
        half = np.arange(90) % 2
        source = ArraySource(logits, label, split=np.where(half, "calibration", "test") if mode == "split" else None)
        state = run(source, Options(Goal("recall", 0.9), seed=seed))
        if mode == "cross-fit":
            half = np.concatenate([rows.fit for rows in state.rows("", lambda *_: None)])
        teachers = [1] if mode == "split" else [0, 1]
        for k in (0, 1):
            own = np.array([((half == teacher) & (label == k)).sum() for teacher in teachers])
            scored = np.array([((half != teacher) & (label == k)).sum() for teacher in teachers])
            j = np.floor(0.1 * own + 1e-9) + 1
            surplus.append((state.flagged_own[:, k].sum() - scored @ (1 - j / (own + 1))) / scored.sum())
            gap.append(np.mean((1 - (j - 1) / own) - (1 - j / (own + 1))))
    error = np.std(surplus) / np.sqrt(len(surplus))
    assert np.mean(surplus) == pytest.approx(0.0, abs=3 * error + 0.005)  # an edge lies a little below its score
    assert np.mean(gap) > 6 * error + 0.005  # a score by the rows that chose would be noticed


def test_noise_is_not_found_to_be_accurate() -> None:
    """Labels of pure noise: neither temperature nor thresholds make the held-out rows look better than chance."""
    right, rows, losses = 0.0, 0.0, []
    for seed in range(40):
        random = np.random.default_rng(seed)
        result = result_of(ArraySource(3 * random.normal(size=(200, 2)), random.integers(0, 2, 200)))
        decision = result["thresholds"]["decision"]["accuracy_when_one"]
        rows += decision["n"]
        right += decision["n"] * (decision["value"] or 0.0)
        losses.append(result["scores"]["after"]["nll"]["value"])
    assert right / rows == pytest.approx(0.5, abs=3 * 0.5 / np.sqrt(rows))
    assert np.mean(losses) > np.log(2)


@pytest.mark.parametrize("seed", range(20))
def test_a_fit_that_starts_at_its_end_stays_there(seed: int) -> None:
    """As one does that starts from a sample of all rows; a step of less than a rounding error once led to T = 0."""
    logits, label = calibrated(40, 2, seed, spread=1.0)
    found = fit_temperature(logits, label)
    for _ in range(3):
        again = fit_temperature(logits, label, start=found.temperature)
        assert again.temperature == pytest.approx(found.temperature, rel=1e-8)
        found = again


# Weights -------------------------------------------------------------------------------------------------------------


def test_a_weight_is_a_number_of_copies() -> None:
    n = 600
    logits, label = calibrated(n, 3, seed=8)
    times = np.random.default_rng(8).integers(0, 4, n)
    split, site = np.array(split_of(n)), np.arange(n) % 2
    copies = np.repeat(np.arange(n), times)
    weighted = ArraySource(1.4 * logits, label, weight=times, split=split, slices={"site": site})
    repeated = ArraySource(1.4 * logits[copies], label[copies], split=split[copies], slices={"site": site[copies]})
    options = Options(Goal("recall", 0.9), (SliceSpec("site"),))
    one, other = audit(weighted, options), audit(repeated, options)
    assert one.policy.calibrator.temperature_ == pytest.approx(other.policy.calibrator.temperature_, rel=1e-9)
    assert one.policy.thresholds == other.policy.thresholds
    a, b = one.result, other.result
    for when in ("before", "after"):
        for score in ("accuracy", "nll", "macro_recall"):
            assert a["scores"][when][score]["value"] == pytest.approx(b["scores"][when][score]["value"], rel=1e-10)
        for part in ("value", "reliability", "resolution", "uncertainty", "remainder"):
            mine, theirs = a["scores"][when]["brier"][part], b["scores"][when]["brier"][part]
            assert mine == pytest.approx(theirs, rel=1e-10, abs=1e-12)
        for number in ("mce", "mean_confidence"):
            assert a["calibration"][when][number] == pytest.approx(b["calibration"][when][number], rel=1e-10)
        assert a["calibration"][when]["ece"]["value"] == pytest.approx(b["calibration"][when]["ece"]["value"])
    assert_close(a["confusion"], b["confusion"])
    for mine, theirs in zip(a["thresholds"]["per_class"], b["thresholds"]["per_class"], strict=True):
        assert mine["recall"]["value"] == pytest.approx(theirs["recall"]["value"], rel=1e-10)
        assert mine["precision"]["value"] == pytest.approx(theirs["precision"]["value"], rel=1e-10)
        assert_close(mine["curve"], theirs["curve"])
    for mine, theirs in zip(a["slices"][0]["values"], b["slices"][0]["values"], strict=True):
        assert mine["nll"]["value"] == pytest.approx(theirs["nll"]["value"], rel=1e-10)
    # The intervals know better: copies are no new evidence.
    tested = times[split == "test"].astype(float)
    assert a["scores"]["after"]["nll"]["n"] == pytest.approx(tested.sum() ** 2 / (tested**2).sum(), abs=1e-3)
    assert b["scores"]["after"]["nll"]["n"] == tested.sum()
    assert a["design"]["fit_rows"] == (times[split == "calibration"] > 0).sum()


@MODES
@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_unit_of_the_weights_does_not_matter(mode: str, unit: float) -> None:
    weight = np.random.default_rng(1).gamma(2.0, 1.0, 900)
    one, other = (facts_of(source_of(mode, weight=w), OPTIONS) for w in (weight, unit * weight))
    for result in (one, other):  # sums of weights have the unit
        del result["confusion"]
        for entry in result["per_class"]:
            del entry["predicted"]
        for when in ("before", "after"):
            for entry in result["calibration"][when]["bins"]:
                del entry["n"]
        for entry in result["thresholds"]["per_class"]:
            del entry["curve"]  # which points are shown depends on the number of rows
    assert_close(one, other)


def test_rows_of_weight_0_are_as_if_they_were_not_there() -> None:
    """Even if they are broken: an infinite loss times 0 is no number."""
    logits, label = calibrated(300, 3, seed=2)
    weight = np.tile([1.0, 1.0, 0.0], 100)
    broken, labels = logits.copy(), label.copy()
    broken[np.arange(2, 300, 6), label[2::6]] = -np.inf
    broken[5::6] = np.nan
    labels[8] = 99
    split = np.array(split_of(300))
    keep = weight > 0
    one = result_of(ArraySource(broken, labels, weight=weight, split=split))
    other = result_of(ArraySource(logits[keep], label[keep], split=split[keep]))
    for result in (one, other):
        for entry in result["worst_rows"]["rows"]:
            del entry["row"]
    for key in ("scores", "calibration", "per_class", "thresholds", "worst_rows", "findings", "classes"):
        assert_close(one[key], other[key], key)
    assert one["design"]["invalid_rows"] == 0


# Bad tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"label": [-100] * 4}, "of 4 rows 4 are ignored"),
        ({"label": [7, 8, 9, 10]}, "4 have a label outside 0 … 2"),
        ({"scores": np.full((4, 3), np.nan)}, "4 have NaN or infinite scores"),
        ({"weight": np.zeros(4)}, "4 have weight 0"),
        ({"scores": np.full((4, 3), 0.5), "kind": "probs"}, "4 are no distribution"),
        ({"split": ["test"] * 4}, "valid rows of 'calibration' and of 'test'; got 0 and 4"),
        ({"split": ["calibration"] * 4}, "got 4 and 0"),
        ({"split": ["train"] * 4}, "got 0 and 0"),
    ],
)
def test_nothing_to_audit(change: dict[str, Any], message: str) -> None:
    given = {"scores": np.eye(4, 3), "label": [0, 1, 2, 0], **change}
    with pytest.raises(DataError) as caught:
        audit(ArraySource(given.pop("scores"), given.pop("label"), **given))
    assert message in str(caught.value)
    assert "hint:" in str(caught.value)


def test_too_many_values_of_a_slice() -> None:
    logits, label = calibrated(201, 3)
    source = ArraySource(logits, label, slices={"id": [f"patient {i}" for i in range(201)]})
    with pytest.raises(DataError, match="'id' must have at most 200 values"):
        audit(source, Options(slices=(SliceSpec("id"),)))


# Duplicates ----------------------------------------------------------------------------------------------------------


def test_duplicates_are_counted_by_side() -> None:
    logits, label = calibrated(100, 3, seed=1)
    copies = [0, 0, 1, 99]  # of test rows to the end: 0 and 1 calibrate, 99 tests
    state = run(
        ArraySource(
            np.concatenate([logits, logits[copies]]),
            np.concatenate([label, label[copies]]),
            split=[*split_of(100), *["test"] * 4],
        ),
        Options(),
    )
    found = state.duplicates
    assert (found.rows, found.exact) == (104, True)
    assert (found.across, found.within) == (3 + 2, 2)  # three rows are row 0, two are row 1, two are row 99
    assert sorted(found.pairs) == [(0, 100), (1, 102)]
    assert not found.coarse


def test_same_scores_with_another_label_are_no_duplicate() -> None:
    logits, label = calibrated(50, 3, seed=1)
    state = run(ArraySource(np.tile(logits, (2, 1)), [*label, *(label + 1) % 3], split=split_of(100)), Options())
    assert state.duplicates.repeated == 0


# Memory --------------------------------------------------------------------------------------------------------------


class Stream:
    """A source that makes its rows as it is read."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.description = Description(
            "stream", "memory", "logits", None, 3, "float64", "label", "logits", None, None, ("word",), None
        )

    def sha256(self) -> None:
        return None

    def batches(self) -> Iterator[Batch]:
        for start in range(0, self.n, 5000):
            random = np.random.default_rng(start)
            logits = random.normal(size=(5000, 3))
            label = draw(softmax(logits), random)
            yield Batch(start, logits, label, None, None, (np.array(["a", "b"], dtype=object)[label % 2],))


def test_state_does_not_grow_with_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xent.audit.engine._SAMPLE_NUMBERS", 6000)
    monkeypatch.setattr("xent.audit.engine._HASHES", 4000)

    def size(n: int) -> int:
        state = run(Stream(n), Options(slices=(SliceSpec("word"),)))
        assert state.score_rows == n
        assert not state.duplicates.exact
        return len(pickle.dumps({key: value for key, value in vars(state).items() if key != "source"}))

    small, large = size(10_000), size(100_000)
    assert large == pytest.approx(small, rel=0.02)


def test_progress_reaches_every_row_in_every_pass() -> None:
    seen: dict[str, list[tuple[int, int | None]]] = {}

    def note(step: str, done: int, total: int | None) -> None:
        seen.setdefault(step, []).append((done, total))

    audit(Rebatched(source_of("split"), 400), progress=note)
    steps = ["reading", "fitting temperature, pass 1", "comparing calibrators", "choosing thresholds", "scoring"]
    assert list(seen) == steps
    assert [done for done, _ in seen["reading"]] == [400, 800, 900]
    assert {total for _, total in seen["reading"]} == {None}
    assert seen["scoring"] == [(400, 900), (800, 900), (900, 900)]


def test_slices_are_found_by_name_and_need_not_be_asked_for() -> None:
    logits, label = calibrated(40, 3)
    given = {"one": ["a", "b"] * 20, "two": ["c"] * 40}
    source = ArraySource(logits, label, slices=given)
    assert result_of(source)["slices"] == []
    tables = result_of(source, Options(slices=(SliceSpec("two"), SliceSpec("one"))))["slices"]
    assert [[value["value"] for value in table["values"]] for table in tables] == [["c"], ["a", "b"]]
    with pytest.raises(OptionError, match="got 'three'"):
        run(source, Options(slices=(SliceSpec("three"),)))
