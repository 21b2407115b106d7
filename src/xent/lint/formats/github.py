"""The findings as workflow commands of GitHub Actions, which shows them beside the lines of a pull request."""

from __future__ import annotations

from xent.lint.report import Report, ReportedFinding

_LEVEL = {"error": "error", "warning": "warning", "info": "notice"}


def write(report: Report, colour: bool = False) -> str:
    """Return a command a finding."""
    return "".join(_command(reported) for reported in report.findings)


def _command(reported: ReportedFinding) -> str:
    finding, spot = reported.finding, reported.spot
    properties = {"file": spot.path, "title": f"xent {finding.code}"}
    if spot.cell is None:
        properties |= {"line": str(spot.line), "endLine": str(spot.end_line)}
        if spot.line == spot.end_line:  # GitHub takes columns of one line only
            properties |= {"col": str(spot.column), "endColumn": str(spot.end_column)}
    named = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    steps = [
        f"{index}. {where.in_file}:{where.line} {step.text}"
        for index, step in enumerate(finding.evidence, 1)
        for where in [reported.spot_of(step.place)]
    ]
    message = "\n".join([f"{spot} {finding.code} {finding.message}", *steps])
    return f"::{_LEVEL[finding.severity]} {named}::{_data(message)}\n"


def _data(text: str) -> str:
    """Escape what would end a command, and what a log on a terminal would obey."""
    from xent.lint.formats.terminal import printable

    return "%0A".join(printable(line.replace("%", "%25").replace("\r", "%0D")) for line in text.split("\n"))


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
