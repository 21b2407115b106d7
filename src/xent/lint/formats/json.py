"""The findings for a program. The number in ``schema`` changes when a key goes or means something else."""

from __future__ import annotations

import json
from typing import Any

from xent.lint.catalogue import catalogue
from xent.lint.finding import Place
from xent.lint.report import Report, ReportedFinding

_SCHEMA = "xent.lint/1"


def write(report: Report, colour: bool = False) -> str:
    """Return the report as one JSON object in ASCII."""
    return dump(
        {
            "schema": _SCHEMA,
            "files": report.n_files,
            "counts": report.counts(),
            "known": report.n_known,
            "findings": [_finding(reported) for reported in report.findings],
            "gone": [{"path": gone.path, "code": gone.code, "text": gone.text} for gone in report.gone],
        }
    )


def dump(value: Any) -> str:
    """Return a value as indented JSON. ASCII, so that no stream fails on it and no terminal obeys it."""
    return json.dumps(value, indent=2).replace("\x7f", "\\u007f") + "\n"


def _finding(reported: ReportedFinding) -> dict[str, Any]:
    finding = reported.finding
    rule = catalogue()[finding.code]
    return {
        "code": finding.code,
        "name": rule.name,
        "severity": finding.severity,
        "message": finding.message,
        **_place(reported, finding.place),
        "evidence": [{"text": step.text, **_place(reported, step.place)} for step in finding.evidence],
        "fix": finding.fix
        and {
            "what": finding.fix.what,
            "safe": finding.fix.safe,
            "edits": [{"replacement": edit.replacement, **_place(reported, edit.place)} for edit in finding.fix.edits],
        },
        "fingerprint": reported.fingerprint,
        "url": rule.url,
    }


def _place(reported: ReportedFinding, place: Place) -> dict[str, Any]:
    spot = reported.spot_of(place)
    return {
        "path": spot.path,
        "cell": spot.cell,
        "line": spot.line,
        "column": spot.column,
        "end_line": spot.end_line,
        "end_column": spot.end_column,
    }
