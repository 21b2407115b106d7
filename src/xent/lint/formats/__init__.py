"""What a run prints, in the format that who reads it understands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal, get_args

from xent.lint.catalogue import catalogue
from xent.lint.formats import concise, github, json, sarif, text
from xent.lint.report import Report

Format = Literal["text", "concise", "json", "github", "sarif"]
FORMATS: tuple[Format, ...] = get_args(Format)

_WRITERS: dict[Format, Callable[[Report, bool], str]] = {
    "text": text.write,
    "concise": concise.write,
    "json": json.write,
    "github": github.write,
    "sarif": sarif.write,
}


def formatted(report: Report, name: Format, colour: bool = False) -> str:
    """Return a report in a format. What a terminal would obey is escaped; ``colour`` is for text and concise."""
    return _WRITERS[name](report, colour)


def statistics(report: Report, name: Format) -> str:
    """Return how often each rule was found, most often first, as a table or as JSON."""
    counts = Counter(reported.finding.code for reported in report.findings)
    fixable = Counter(reported.finding.code for reported in report.findings if reported.finding.fix)
    ordered = sorted(counts, key=lambda code: (-counts[code], code))
    if name == "json":
        return json.dump(
            [
                {
                    "code": code,
                    "name": catalogue()[code].name,
                    "severity": catalogue()[code].severity,
                    "count": counts[code],
                    "fixable": fixable[code],
                }
                for code in ordered
            ]
        )
    width = len(str(max(counts.values(), default=0)))
    lines = [
        f"{counts[code]:>{width}}  {code}  {'[fix]' if fixable[code] else '     '}  {catalogue()[code].name}"
        for code in ordered
    ]
    return "".join(f"{line}\n" for line in lines)
