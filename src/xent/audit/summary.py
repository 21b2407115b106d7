"""The summary of an audit in a terminal, on stderr."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from xent.audit.report import METHODS, verdict

Json = dict[str, Any]

_COLOURS = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def print_summary(result: Json, out: Path, console: Console | None = None) -> None:
    """Print the verdict, scores before and after, the policy's outcome, findings, the gate, and where the files are."""
    console = console or Console(stderr=True, highlight=False, markup=False)
    source, design, calibration = result["source"], result["design"], result["calibration"]
    console.print()
    console.print(
        Text.assemble((source["name"], "bold"), f"  {source['rows']:,} rows, {len(result['classes'])} classes")
    )
    console.print(Text(design["sentence"], style="dim"))
    console.print()
    console.print(verdict(result))
    console.print()
    console.print(_scores(result))
    console.print(_calibrator(calibration))
    console.print(_thresholds(result["thresholds"]))
    if result["unknowns"] is not None and result["unknowns"]["scores"]:
        console.print(_unknowns(result["unknowns"]))
    console.print()
    for finding in result["findings"]:
        style = _COLOURS[finding["severity"]]
        console.print(Text.assemble((f"{finding['severity']} {finding['code']}", style), f"  {finding['title']}"))
        console.print(Text(f"  {finding['seen']}", style="dim"))
    if not result["findings"]:
        console.print("No findings.")
    for condition in (result["gate"] or {"conditions": []})["conditions"]:
        word, style = ("passed", "green") if condition["passed"] else ("FAILED", "bold red")
        value = condition["value"]
        shown = "does not exist" if value is None else f"{value:g}"
        console.print(Text.assemble(("gate ", "bold"), f"{condition['condition']}: ", (word, style), f" ({shown})"))
    console.print()
    for name in filter(None, result["files"].values()):
        console.print(Text.assemble("wrote ", (str(out / name), "bold")))


def _calibrator(calibration: Json) -> str:
    """Say what calibrates, and the temperature: with another calibrator it only tells over- or underconfidence."""
    temperature, error = calibration["temperature"], calibration["standard_error"]
    if temperature is None:
        words = f"Temperature: none. {calibration['reason']}."
    else:
        margin = f" ± {error:.2g}" if error is not None else ""
        words = f"Temperature {temperature:.5g}{margin}, fitted on {calibration['fit_rows']:,} rows"
    if calibration["method"] == "temperature":
        return words
    used = calibration["calibrator"]
    sample = " (a random sample)" if used["sampled"] else ""
    method = METHODS[calibration["method"]]
    return f"Calibrated by {method}, learnt from {used['fit_rows']:,} rows{sample}. Told only: {words}"


def _thresholds(thresholds: Json) -> str:
    decision, proven = thresholds["decision"], ""
    if thresholds["confidence"] is not None:
        classes = [entry["proven"] for entry in thresholds["per_class"]]
        sure = f"{100 * thresholds['confidence']:g} %"
        proven = f", proven with {sure} confidence for {sum(classes)} of {len(classes)} classes"
    return (
        f"Thresholds for {thresholds['target']} {thresholds['goal']:g}{proven}: {_percent(decision['one'])} of the "
        f"rows decided (accuracy {_interval(decision['accuracy_when_one'])}), {_percent(decision['several'])} with "
        f"several classes, {_percent(decision['none'])} with none"
    )


def _unknowns(unknowns: Json) -> str:
    best, source = unknowns["scores"][0], unknowns["source"]["name"]
    return (
        f"Unknown inputs ({source}, {unknowns['rows']:,} rows): told apart best by {best['name'].replace('_', ' ')}, "
        f"AUROC {_interval(best['auroc'])}; where it accepts {_percent(best['tpr']['value'])} of the known rows, it "
        f"accepts {_percent(best['fpr']['value'])} of these"
    )


def _scores(result: Json) -> Table:
    before, after = result["scores"]["before"], result["scores"]["after"]
    calibration, baseline = result["calibration"], result["scores"]["baseline"]
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("", "as given", "calibrated", "class shares"):
        table.add_column(heading, justify="left" if not heading else "right")
    table.add_row("accuracy", _interval(before["accuracy"]), _interval(after["accuracy"]), _plain(baseline["accuracy"]))
    table.add_row("NLL, nats", _interval(before["nll"]), _interval(after["nll"]), _plain(baseline["nll"]))
    table.add_row("Brier", _interval(before["brier"]), _interval(after["brier"]), _plain(baseline["brier"]))
    table.add_row("ECE", _interval(calibration["before"]["ece"]), _interval(calibration["after"]["ece"]), "")
    table.add_row("macro recall", _interval(before["macro_recall"]), _interval(after["macro_recall"]), "")
    return table


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _interval(estimate: Json) -> str:
    if estimate["value"] is None or estimate["low"] is None:
        return _plain(estimate["value"])
    return f"{estimate['value']:.3f} [{estimate['low']:.3f}, {estimate['high']:.3f}]"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
