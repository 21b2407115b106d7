"""The audit's report: one HTML file that opens from disk, offline, and carries its own numbers.

``page.html`` is the frame, ``page.css`` the look. The scripts are ordinary ES modules, each importing only from those
before it in ``_SCRIPTS``; because modules cannot import one another from ``file://``, they are joined into one inline
module in that order and their import lines (always one line, always at its start) are left out.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import math
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

__all__ = ["render", "verdict"]

_SCRIPTS = (
    ("xent.explorer", "charts.js"),
    (__name__, "parts.js"),
    (__name__, "words.js"),
    (__name__, "reliability.js"),
    (__name__, "figures.js"),
    (__name__, "decisions.js"),
    (__name__, "page.js"),
)
METHODS = {
    "temperature": "temperature scaling",
    "ensemble": "ensemble temperature",
    "structured": "structured scaling",
    "vector": "vector scaling",
    "matrix": "matrix scaling",
    "dirichlet": "Dirichlet calibration",
    "platt": "Platt scaling",
    "quadratic": "quadratic scaling",
    "beta": "beta calibration",
    "isotonic": "isotonic calibration",
}
_IMPORT_LINE = re.compile(r"^import .*\n", re.MULTILINE)
_UNSAFE = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def render(result: Mapping[str, Any]) -> str:
    """Write ``result`` (docs/reference/audit-result.md) as the text of one self-contained HTML page."""
    source = result["source"]
    script = "\n" + "\n".join(_IMPORT_LINE.sub("", _read(package, name)) for package, name in _SCRIPTS)
    pieces = {
        "title": html.escape(f"{source['name']}: xent audit"),
        "name": html.escape(str(source["name"])),
        "dateline": html.escape(_dateline(result)),
        "version": html.escape(str(result["xent_version"])),
        "verdict": html.escape(verdict(result)),
        "noscript": _bound(_plain(result)),
        "css": _read(__name__, "page.css"),
        "data": json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_UNSAFE),
        "script": script,
        "hash": "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    }
    # One pass over the frame, so that a name which looks like a placeholder stays what it is.
    return re.sub(r"\{\{(\w+)\}\}", lambda match: pieces[match[1]], _read(__name__, "page.html"))


def verdict(result: Mapping[str, Any]) -> str:
    """Say in one sentence what the audit found."""
    after, calibration, findings = result["scores"]["after"], result["calibration"], result["findings"]
    accuracy, nll, baseline = after["accuracy"]["value"], after["nll"]["value"], result["scores"]["baseline"]["nll"]
    weighted = result["source"]["weight_column"] is not None
    parts = []
    if accuracy is None:
        parts.append(f"Nothing could be scored: {after['accuracy'].get('reason', 'no row')}")
    else:
        rows = ("the weight of " if weighted else "") + _plural(result["design"]["score_rows"], "scored row")
        parts.append(f"The model is right on {100 * accuracy:.1f} % of {rows}")
    loss = "weighted loss" if weighted else "loss"
    if any(f["code"] == "XA106" for f in findings) or (nll is None and accuracy is not None):
        parts.append(f"its {loss} is infinite, because some true class got probability 0")
    elif nll is not None and baseline is not None and baseline > 0:
        if nll < baseline:
            parts.append(f"its {loss} is {100 * nll / baseline:.0f} % of what the class shares alone would cost")
        else:
            parts.append("its probabilities tell no more than the class shares alone")
    parts.append(_calibration_words(calibration))
    errors = sum(f["severity"] == "error" for f in findings)
    warnings = sum(f["severity"] == "warning" for f in findings)
    if errors or warnings:
        counts = [_plural(n, word) for n, word in ((errors, "error"), (warnings, "warning")) if n]
        parts.append(f"{' and '.join(counts)} should be settled before it is used")
    else:
        parts.append("no error or warning was found")
    return _bound("; ".join(part for part in parts if part) + ".")


def _calibration_words(calibration: Mapping[str, Any]) -> str:
    temperature, p = calibration["temperature"], calibration["after"]["ece"].get("p_value")
    told = calibration["method"] != "temperature"
    left = f"{METHODS[calibration['method']]} calibrates it" if told else ""
    if p is not None:
        after = f"after {METHODS[calibration['method']]} " if told else ""
        left = f"{after}what miscalibration remains is no more than chance would show"
        if p < 0.05:
            left = f"{after}its confidence is still miscalibrated, beyond chance (p = {p:.2g})"
    if temperature is None:
        return "no temperature could be fitted" + (f", and {left}" if told or (p is not None and p < 0.05) else "")
    shown = f"T = {_significant(temperature)}"
    if not calibration.get("converged", True):
        before = f"the fit of its temperature did not converge (it stopped at {shown})"
    elif abs(temperature - 1) <= 2 * (calibration.get("standard_error") or 0.01):
        before = f"its confidence needed no correction ({shown})"
        if told:
            before = f"before calibration it was neither over- nor underconfident on the whole ({shown})"
    else:
        before = f"before calibration it was {'over' if temperature > 1 else 'under'}confident ({shown})"
    return before + (f", and {left}" if left else "")


def _significant(x: float) -> str:
    """Write a positive number with 3 significant digits; a very large or small one with an exponent."""
    rounded = float(f"{x:.3g}")
    if not 1e-4 <= rounded < 1e5:
        return f"{x:.3g}"
    return f"{rounded:.{max(0, 2 - math.floor(math.log10(rounded)))}f}"


def _plural(n: int, word: str, more: str = "") -> str:
    return f"{n:,} {word if n == 1 else more or word + 's'}"


def _bound(words: str) -> str:
    """Keep a number and its % on one line."""
    return re.sub(r"(?<=\d) %", "\u00a0%", words)


def _dateline(result: Mapping[str, Any]) -> str:
    source, created = result["source"], str(result["created"])
    day = created[:16].replace("T", " ") + " UTC" if "T" in created else created
    rows, classes = _plural(source["rows"], "row"), _plural(len(result["classes"]), "class", "classes")
    return f"{day} · {rows} of {source['kind']} · {classes}"


def _plain(result: Mapping[str, Any]) -> str:
    """Write the verdict's numbers and the findings for a reader without JavaScript."""
    scores, calibration, design = result["scores"], result["calibration"], result["design"]
    before, after = scores["before"], scores["after"]

    def number(x: float | None) -> str:
        return "none" if x is None else f"{x:.4g}"

    def estimate(e: Mapping[str, Any]) -> str:
        if e.get("value") is None:
            return f"none ({e.get('reason', 'no value')})"
        form = ".3f" if max(abs(e[key] or 0.0) for key in ("value", "low", "high")) < 1e7 else ".3g"
        if e.get("low") is None or e.get("high") is None:
            return format(e["value"], form)
        return f"{e['value']:{form}} [{e['low']:{form}}, {e['high']:{form}}]"

    tag = "" if result["source"]["weight_column"] is None else ", weighted"

    told = "" if calibration["method"] == "temperature" else ", told only"

    rows = [
        ("Rows scored", f"{design['score_rows']:,}"),
        ("Classes", str(len(result["classes"]))),
        (f"Accuracy after calibration{tag}", estimate(after["accuracy"])),
        (f"NLL before, nats{tag}", estimate(before["nll"])),
        (f"NLL after, nats{tag}", estimate(after["nll"])),
        ("NLL of the class shares alone, nats", number(scores["baseline"]["nll"])),
        (f"ECE before{tag}", estimate(calibration["before"]["ece"])),
        (f"ECE after{tag}", estimate(calibration["after"]["ece"])),
        ("Calibrated by", METHODS[calibration["method"]]),
        (f"Temperature{told}", number(calibration["temperature"]) + _because(calibration)),
        *_promised(result["thresholds"]),
    ]
    if result["unknowns"] is not None:
        known = "known from unknown rows"
        rows += [
            (f"AUROC of {s['name'].replace('_', ' ')}, {known}", estimate(s["auroc"]))
            for s in result["unknowns"]["scores"][:1]
        ]
    table = "\n".join(f"<tr><th>{html.escape(k)}</th><td>{html.escape(v)}</td></tr>" for k, v in rows)
    words = [f"{f['severity']} {f['code']}: {f['title']}. {f['seen']} {f['do']}" for f in result["findings"]]
    items = "\n".join(f"<li>{html.escape(w)}</li>" for w in words) or "<li>No finding.</li>"
    lead = "<p>JavaScript is off: here are the main numbers and the findings. The charts and tables need it.</p>"
    return f"{lead}\n<table>\n{table}\n</table>\n<ul>\n{items}\n</ul>"


def _promised(thresholds: Mapping[str, Any]) -> list[tuple[str, str]]:
    if thresholds["confidence"] is None:
        return []
    proven = sum(bool(entry["proven"]) for entry in thresholds["per_class"])
    goal = (
        f"{thresholds['target']} of {thresholds['goal']:g} proven with {100 * thresholds['confidence']:g} % confidence"
    )
    return [(f"Thresholds with a {goal}", f"{proven} of {_plural(len(thresholds['per_class']), 'class', 'classes')}")]


def _because(entry: Mapping[str, Any]) -> str:
    return f" ({entry['reason']})" if entry.get("reason") else ""


def _read(package: str, name: str) -> str:
    return (files(package) / name).read_text(encoding="utf-8")
