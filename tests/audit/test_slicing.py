"""Slices: how they are asked for, cut, and named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from xent.audit import Options, SliceSpec
from xent.audit.result import _slice_order
from xent.audit.slicing import Slicer
from xent.errors import DataError, OptionError

from .factories import ArraySource, calibrated, result_of


def named(values: ArrayLike, spec: str = "x", *, sample: int | None = None) -> tuple[list[str], Slicer]:
    """Return the name of each value's slice."""
    array, slicer = np.asarray(values), Slicer(SliceSpec.parse(spec), 0)
    if sample is not None:
        slicer._sample.capacity = sample
    rows = np.arange(len(array))
    for part in np.array_split(rows, 3):
        slicer.learn(part, array[part])
    slicer.settle()
    return slicer.names(array).tolist(), slicer


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("age", SliceSpec("age")),
        ("age:q5", SliceSpec("age", quantiles=5)),
        ("age:q99", SliceSpec("age", quantiles=99)),
        ("age:18,65", SliceSpec("age", edges=(18.0, 65.0))),
        ("age:-1.5e3", SliceSpec("age", edges=(-1500.0,))),
        ("a:b:q2", SliceSpec("a:b", quantiles=2)),
        ("q5", SliceSpec("q5")),
    ],
)
def test_parse(text: str, spec: SliceSpec) -> None:
    assert SliceSpec.parse(text) == spec


@pytest.mark.parametrize(
    "text", ["age:", "age:q1", "age:q0", "age:q100", "age:x", "age:5,3", "age:3,3", "age:nan", "age:1,inf", ":q5"]
)
def test_wrong_specs_are_refused(text: str) -> None:
    with pytest.raises(OptionError) as caught:
        SliceSpec.parse(text)
    assert f"--slice must be COLUMN, COLUMN:q5 (quantile bins) or COLUMN:18,65 (rising edges); got {text!r}" in str(
        caught.value
    )


def test_edges_belong_to_the_bin_above() -> None:
    names, slicer = named([2.9, 3.0, 6.99, 7.0, 1e9, -1e9, np.nan, np.inf, -np.inf], "x:3,7")
    assert names == ["< 3", "[3, 7)", "[3, 7)", "≥ 7", "≥ 7", "< 3", "(missing)", "≥ 7", "< 3"]
    assert slicer.kind == "edges"


def test_quantiles_share_the_rows() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    names, slicer = named(values, "x:q5")
    assert slicer.kind == "quantiles"
    assert not slicer.sampled
    labels, counts = np.unique(names, return_counts=True)
    assert len(labels) == 5
    assert set(counts.tolist()) == {200}
    cut = np.quantile(values, [0.2, 0.4])
    assert f"[{cut[0]:.6g}, {cut[1]:.6g})" in labels


def test_quantiles_of_many_rows_come_from_a_sample() -> None:
    names, slicer = named(np.random.default_rng(0).random(20_000), "x:q4", sample=2000)
    assert slicer.sampled
    _, counts = np.unique(names, return_counts=True)
    assert counts == pytest.approx(np.full(4, 5000), abs=4 * 20_000 * np.sqrt(0.25 * 0.75 / 2000))


def test_quantiles_of_few_values_do_not_make_empty_slices() -> None:
    names, _ = named([0.0] * 90 + [1.0] * 5 + [2.0] * 5, "x:q4")
    assert set(names) == {"≥ 0"}
    names, _ = named([0.0] * 40 + [1.0] * 30 + [2.0] * 30, "x:q4")
    assert sorted(set(names)) == ["[0, 1)", "[1, 2)", "≥ 2"]


def test_few_numbers_are_values_and_many_are_quartiles() -> None:
    names, slicer = named(np.arange(12.0).repeat(3))
    assert (slicer.kind, len(set(names)), names[0], names[-1]) == ("values", 12, "0", "11")
    names, slicer = named(np.arange(13.0).repeat(3))
    assert (slicer.kind, len(set(names))) == ("quantiles", 4)


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1234567.0, 1234568.0], ["1234567", "1234568"]),
        ([0.1, 0.30000000000000004], ["0.1", "0.3"]),
        ([0.3, 0.30000000000000004], ["0.29999999999999999", "0.30000000000000004"]),
        (np.array([0.1, 0.2], dtype=np.float32).astype(float), ["0.1", "0.2"]),
        ([-0.0, 0.0], ["0", "0"]),
        ([2e20, np.nan], ["2e+20", "(missing)"]),
        ([np.inf, 1.0], ["inf", "1"]),
    ],
)
def test_different_numbers_have_different_short_names(values: Any, labels: list[str]) -> None:
    assert named(values)[0] == labels


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=6, unique=True).map(sorted))
def test_edges_are_told_apart_in_words(edges: list[float]) -> None:
    edges = sorted({edge + 0.0 for edge in edges})
    text = "x:" + ",".join(map(repr, edges))
    bins = named([edges[0] - 1e12, *edges], text)[0]
    assert len(set(bins)) == len(edges) + 1
    assert bins[0].startswith("< ")
    assert bins[-1].startswith("≥ ")


def test_text_is_taken_by_value() -> None:
    words = np.array(["night", "day", "(missing)"], dtype=object)
    names, slicer = named(words)
    assert names == words.tolist()
    assert slicer.kind == "values"
    for spec in ("x:q3", "x:1,2"):
        with pytest.raises(DataError, match="must hold numbers to be binned; it holds text"):
            named(words, spec)


def test_a_column_without_values() -> None:
    for spec in ("x", "x:q3", "x:1,2"):
        assert set(named(np.full(5, np.nan), spec)[0]) == {"(missing)"}


def test_identifiers_are_refused_in_the_first_pass() -> None:
    slicer = Slicer(SliceSpec("id"), 0)
    slicer.learn(np.arange(200), np.array([f"{i}" for i in range(200)], dtype=object))
    with pytest.raises(DataError, match="slice column 'id' must have at most 200 values"):
        slicer.learn(np.arange(1), np.array(["another"], dtype=object))


@pytest.mark.parametrize(
    "names",
    [
        ["< -2.5", "[-2.5, 3)", "[3, 10)", "≥ 10", "(missing)"],
        ["-1", "0", "2", "10", "(missing)"],
        ["day", "inferno", "night", "(missing)"],
        ["0.5", "a", "nan", "(missing)"],
    ],
)
def test_order_is_that_of_numbers_then_words_then_missing(names: list[str]) -> None:
    for seed in range(5):
        shuffled = np.random.default_rng(seed).permutation(names).tolist()
        assert sorted(shuffled, key=_slice_order) == names


def test_in_the_result() -> None:
    logits, label = calibrated(60, 3)
    age = np.where(np.arange(60) % 10 == 0, np.nan, np.arange(60.0))
    source = ArraySource(logits, label, slices={"age": age, "n": np.arange(60) % 3})
    by_age, by_n = result_of(source, Options(slices=(SliceSpec("age", edges=(7.0, 30.0)), SliceSpec("n"))))["slices"]
    assert [(v["value"], v["n"]) for v in by_age["values"]] == [
        ("< 7", 6),
        ("[7, 30)", 21),
        ("≥ 30", 27),
        ("(missing)", 6),
    ]
    assert (by_age["kind"], by_n["kind"]) == ("edges", "values")
    assert [(v["value"], v["n"]) for v in by_n["values"]] == [("0", 20), ("1", 20), ("2", 20)]
