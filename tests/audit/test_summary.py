"""The summary in the terminal says what calibrates, what is proven, and how unknown inputs fare."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from xent.audit.summary import print_summary

from .sample_result import sample


def printed(result: dict[str, Any]) -> str:
    out = io.StringIO()
    print_summary(result, Path("out"), Console(file=out, width=500, highlight=False, markup=False))
    return out.getvalue()


def test_a_temperature_is_fitted_and_promises_nothing() -> None:
    words = printed(sample())
    assert "\nTemperature 1.625 ± 0.046, fitted on 898 rows\n" in words
    assert "\nThresholds for recall 0.99: " in words
    assert "Told only" not in words and "proven" not in words and "Unknown inputs" not in words


def test_a_temperature_that_could_not_be_fitted() -> None:
    assert "\nTemperature: none. every fit row is right by a margin" in printed(sample("missing"))


def test_another_calibrator_is_named_before_the_temperature() -> None:
    result = sample("structured")
    words = printed(result)
    how = "Calibrated by structured scaling, learnt from 898 rows (a random sample)."
    assert f"\n{how} Told only: Temperature 1.725 ± 0.046, fitted on 898 rows\n" in words
    result["calibration"]["calibrator"]["sampled"] = False
    assert "learnt from 898 rows. Told only:" in printed(result)


def test_proofs_are_counted() -> None:
    assert "Thresholds for recall 0.95, proven with 95 % confidence for 7 of 10 classes: " in printed(
        sample("structured")
    )
    assert "Thresholds for precision 0.9, proven with 95 % confidence for 2 of 2 classes: " in printed(sample("proven"))


@pytest.mark.parametrize("scores", [True, False])
def test_unknown_inputs_are_told_where_they_could_be_scored(scores: bool) -> None:
    result = sample("structured")
    best = result["unknowns"]["scores"][0]
    best["auroc"] = {"value": 0.9876, "low": 0.98, "high": 0.995, "n": 640}
    best["name"] = "max_logit"
    best["tpr"]["value"], best["fpr"]["value"] = 0.9491, 0.0266
    if not scores:
        result["unknowns"]["scores"] = []
    told = (
        "Unknown inputs (letters.npz, 640 rows): told apart best by max logit, AUROC 0.988 [0.980, 0.995]; where it "
        "accepts 94.9 % of the known rows, it accepts 2.7 % of these"
    )
    assert (told in printed(result)) == scores
