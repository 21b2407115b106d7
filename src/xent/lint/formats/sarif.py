"""The findings as SARIF 2.1.0, which code scanning services read."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from xent.lint.catalogue import catalogue
from xent.lint.finding import Fix, Place, Severity
from xent.lint.formats.json import dump
from xent.lint.patterns import absolute
from xent.lint.report import Report, ReportedFinding
from xent.lint.rule import DOCUMENTATION, Rule

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVEL: dict[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}


def write(report: Report, colour: bool = False) -> str:
    """Return the report as a SARIF log of one run."""
    from importlib.metadata import PackageNotFoundError, version

    rules = list(catalogue().values())
    index = {rule.code: number for number, rule in enumerate(rules)}
    driver: dict[str, Any] = {
        "name": "xent lint",
        "informationUri": f"{DOCUMENTATION}/guide/lint.html",
        "rules": [_rule(rule) for rule in rules],
    }
    with suppress(PackageNotFoundError):  # run from the source
        driver["version"] = version("xent")
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [{"executionSuccessful": True}],
        "results": [_result(reported, index) for reported in report.findings],
    }
    return dump({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]})


def _rule(rule: Rule) -> dict[str, Any]:
    from xent.lint.explain import as_markdown

    return {
        "id": rule.code,
        "name": "".join(word.capitalize() for word in rule.name.split("-")),
        "shortDescription": {"text": rule.finds},
        "fullDescription": {"text": " ".join(rule.why.split())},
        "help": {"text": f"{rule.finds}\n\n{rule.why}", "markdown": as_markdown(rule)},
        "helpUri": rule.url,
        "defaultConfiguration": {"level": _LEVEL[rule.severity]},
    }


def _result(reported: ReportedFinding, index: dict[str, int]) -> dict[str, Any]:
    finding = reported.finding
    result: dict[str, Any] = {
        "ruleId": finding.code,
        "ruleIndex": index[finding.code],
        "level": _LEVEL[finding.severity],
        "message": {"text": finding.message},
        "locations": [_location(reported, finding.place)],
        "partialFingerprints": {"xent/v1": reported.fingerprint},
    }
    if finding.evidence:
        steps = [_location(reported, step.place, step.text) for step in finding.evidence]
        steps.append(_location(reported, finding.place, finding.message))
        result["codeFlows"] = [{"threadFlows": [{"locations": [{"location": step} for step in steps]}]}]
    if finding.fix is not None and not reported.cells:  # the lines of a cell are not lines of the notebook's file
        result["fixes"] = [_fix(reported, finding.fix)]
    return result


def _location(reported: ReportedFinding, place: Place, text: str | None = None) -> dict[str, Any]:
    spot = reported.spot_of(place)
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _artifact(place.path), "region": _region(reported, place)}
    }
    if spot.cell is not None:
        location["logicalLocations"] = [{"name": f"cell {spot.cell}", "kind": "module"}]
    if text is not None:
        location["message"] = {"text": text}
    return location


def _region(reported: ReportedFinding, place: Place) -> dict[str, int]:
    spot = reported.spot_of(place)
    return {
        "startLine": spot.line,
        "startColumn": spot.column,
        "endLine": spot.end_line,
        "endColumn": spot.end_column,
    }


def _fix(reported: ReportedFinding, fix: Fix) -> dict[str, Any]:
    changes: dict[str, list[dict[str, Any]]] = {}
    for edit in fix.edits:
        replacement = {
            "deletedRegion": _region(reported, edit.place),
            "insertedContent": {"text": edit.replacement},
        }
        changes.setdefault(edit.place.path, []).append(replacement)
    return {
        "description": {"text": fix.what if fix.safe else f"{fix.what} (changes what the program computes)"},
        "artifactChanges": [
            {"artifactLocation": _artifact(path), "replacements": replacements}
            for path, replacements in changes.items()
        ],
    }


def _artifact(path: str) -> dict[str, str]:
    """Return where a file is: from the current folder if it is below it, which services take as the repository."""
    relative = os.path.relpath(path)
    if relative.startswith(os.pardir):
        return {"uri": "file://" + quote(os.fsencode(absolute(path).replace(os.sep, "/")))}
    return {"uri": quote(os.fsencode(relative.replace(os.sep, "/")))}
