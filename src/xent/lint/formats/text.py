"""The findings for a reader: where, what, the line with the place underlined, and the steps that prove it."""

from __future__ import annotations

from xent.lint.finding import Place
from xent.lint.formats.concise import gone, heading
from xent.lint.formats.terminal import Style, printable, width
from xent.lint.report import Report, ReportedFinding

#: A longer line is cut to what is around the place.
_WIDEST = 120
_TAB = "    "


def write(report: Report, colour: bool) -> str:
    """Return the findings with an empty line between them, and what is gone from the baseline."""
    style = Style(colour)
    blocks = ["\n".join([heading(reported, style), *_body(reported, style)]) + "\n" for reported in report.findings]
    return "\n".join([*blocks, *([gone(report)] if report.gone else [])])


def _body(reported: ReportedFinding, style: Style) -> list[str]:
    finding = reported.finding
    number = str(reported.spot.line)
    margin = " " * len(number)
    lines = []
    if reported.source_line.strip():
        line, marks = _underlined(reported.source_line, finding.place)
        more = " …" if finding.place.end_line > finding.place.line else ""
        lines += [
            style.dim(f"{margin} |"),
            f"{style.dim(f'{number} |')} {line}",
            f"{style.dim(f'{margin} |')} {style.severity(marks, finding.severity)}{more}",
        ]
    for index, step in enumerate(finding.evidence, 1):
        spot = reported.spot_of(step.place)
        where = f"{printable(spot.in_file)}:{spot.line}"
        lines.append(f"{margin} {style.dim(f'{index}.')} {where}  {printable(step.text)}")
    if finding.fix is not None:
        flag = "--fix" if finding.fix.safe else "--fix --unsafe-fixes"
        lines.append(f"{margin} {style.dim('=')} fix: {printable(finding.fix.what)} ({flag})")
    return lines


def _underlined(line: str, place: Place) -> tuple[str, str]:
    """Return a line as a terminal shows it, and the carets under the place. A long line is cut around it."""
    start = place.column - 1
    end = place.end_column - 1 if place.end_line == place.line else len(line.rstrip())
    start = min(max(start, 0), len(line))
    end = min(max(end, start), len(line))
    before, cut = "", max(start - _WIDEST // 3, 0)
    if len(line) > _WIDEST and cut:
        before = "… "
    else:
        cut = 0
    after = " …" if len(line) > cut + _WIDEST else ""
    stop = cut + _WIDEST
    parts = [_shown(part) for part in (line[cut:start], line[start : min(end, stop)], line[max(end, start) : stop])]
    marks = " " * width(before + parts[0]) + "^" * max(width(parts[1]), 1)
    return (before + "".join(parts) + after).rstrip(), marks


def _shown(text: str) -> str:
    return printable(text.replace("\t", _TAB))
