"""One line a finding: ``path:line:column CODE message``."""

from __future__ import annotations

from xent.lint.formats.terminal import Style, printable
from xent.lint.report import Report, ReportedFinding


def write(report: Report, colour: bool) -> str:
    """Return the findings, a line each, and what is gone from the baseline."""
    style = Style(colour)
    return "".join(f"{heading(reported, style)}\n" for reported in report.findings) + gone(report)


def heading(reported: ReportedFinding, style: Style) -> str:
    """Return the line that says where, which rule and what."""
    finding = reported.finding
    spot = style.bold(printable(str(reported.spot)))
    return f"{spot} {style.severity(finding.code, finding.severity)} {printable(finding.message)}"


def gone(report: Report) -> str:
    """Return a line for each entry of the baseline that is found no more."""
    return "".join(
        f"{printable(entry.path)} {entry.code} gone from the baseline: {printable(entry.text)}\n"
        for entry in report.gone
    )
