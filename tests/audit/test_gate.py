"""The gate: what a condition may say, and when it fails."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xent.audit.gate import Condition, check
from xent.errors import OptionError

METRICS = ("ece", "mce", "nll", "brier", "accuracy", "macro_recall", "perplexity", "temperature")


def result_with(**values: Any) -> dict[str, Any]:
    """Return the part of a result that a gate reads: before 10 + i, after i, for the i-th metric."""
    number = {name: values.get(name, float(i)) for i, name in enumerate(METRICS)}
    before = {name: values.get(f"{name}_before", 10.0 + i) for i, name in enumerate(METRICS)}

    def scores(of: dict[str, Any]) -> dict[str, Any]:
        plain = {"perplexity": of["perplexity"], "brier": {"value": of["brier"], "reliability": 99.0}}
        return plain | {name: {"value": of[name], "low": 99.0} for name in ("nll", "accuracy", "macro_recall")}

    def calibration(of: dict[str, Any]) -> dict[str, Any]:
        return {"ece": {"value": of["ece"], "low": 99.0}, "mce": of["mce"]}

    return {
        "scores": {"before": scores(before), "after": scores(number)},
        "calibration": {
            "temperature": number["temperature"],
            "before": calibration(before),
            "after": calibration(number),
        },
        "findings": [{"severity": severity} for severity in values.get("findings", [])],
    }


def passed(text: str, result: dict[str, Any]) -> bool:
    outcome = Condition.parse(text).check(result)
    assert outcome["condition"] == text
    return bool(outcome["passed"])


@pytest.mark.parametrize("place", range(len(METRICS)))
@pytest.mark.parametrize("suffix", ["", "_before"])
def test_every_metric_is_taken_from_its_place(place: int, suffix: str) -> None:
    name = METRICS[place]
    if name + suffix == "temperature_before":
        with pytest.raises(OptionError):
            Condition.parse(f"{name}{suffix}>1")
        return
    value = place + (10.0 if suffix else 0.0)
    assert Condition.parse(f"{name}{suffix}>0").check(result_with())["value"] == value
    missing = Condition.parse(f"{name}{suffix}>=-1e9").check(result_with(**{name + suffix: None}))
    assert missing == {"condition": f"{name}{suffix}>=-1e9", "passed": False, "value": None}
    for operator in ("<", "<=", ">", ">="):
        assert not passed(f"{name}{suffix}{operator}1", result_with(**{name + suffix: None}))


@pytest.mark.parametrize(
    ("operator", "below", "equal", "above"),
    [("<", False, True, True), ("<=", False, False, True), (">", True, True, False), (">=", True, False, False)],
)
def test_operators_say_what_fails(operator: str, below: bool, equal: bool, above: bool) -> None:
    for value, expected in ((0.02, below), (0.03, equal), (0.04, above)):
        assert passed(f"ece {operator} 0.03", result_with(ece=value)) == expected


@pytest.mark.parametrize(
    ("text", "limit"), [("nll>.5", 0.5), (" nll >= 5e-1 ", 0.5), ("nll<+2", 2.0), ("nll <-1E1", -10.0)]
)
def test_numbers_in_every_notation(text: str, limit: float) -> None:
    assert Condition.parse(text).limit == limit


@pytest.mark.parametrize(
    ("text", "counts"),
    [("error", (1, 0, 0)), ("warning", (2, 1, 0)), ("info", (3, 2, 1))],
)
def test_a_severity_counts_the_worse_ones_too(text: str, counts: tuple[int, ...]) -> None:
    tables = (["error", "warning", "info"], ["warning", "info"], ["info"])
    for findings, count in zip(tables, counts, strict=True):
        outcome = Condition.parse(text).check(result_with(findings=findings))
        assert outcome == {"condition": text, "passed": count == 0, "value": count}


def test_the_gate_fails_if_any_condition_does() -> None:
    conditions = [Condition.parse(text) for text in ("ece>0.5", "nll>1")]
    outcome = check(conditions, result_with(ece=0.1, nll=2.0))
    assert outcome is not None
    assert [c["passed"] for c in outcome["conditions"]] == [True, False]
    assert outcome["passed"] is False
    both = check(conditions, result_with(ece=0.1, nll=0.5))
    assert both is not None
    assert both["passed"] is True
    assert check([], result_with()) is None


WRONG = (
    "",
    "errors",
    "Error",
    "ece",
    "ece=0.03",
    "ece==0.03",
    "ece>",
    ">0.03",
    "ece>x",
    "ece>nan",
    "ece>inf",
    "ece>1e999",
    "ece>1.2.3",
    "ece>0.03 0.04",
    "ece_after>1",
    "ece_before_before>1",
    "f1<0.9",
    "temperature_before>2",
    "ece > 0.03 and nll > 1",
)


@pytest.mark.parametrize("text", WRONG)
def test_wrong_conditions_are_refused(text: str) -> None:
    with pytest.raises(OptionError) as caught:
        Condition.parse(text)
    message = str(caught.value)
    assert message.startswith("xent audit: --fail-on must be one of error, warning, info, or NAME OP NUMBER")
    assert f"got {text!r}" in message
    assert "hint: the names are ece, mce, nll," in message


@given(st.text(alphabet="eciwarngoblt_<>=0.1- ", max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        condition = Condition.parse(text)
    except OptionError:
        return
    assert (condition.severity is None) != (condition.metric is None)
    assert condition.metric is None or condition.metric in text
