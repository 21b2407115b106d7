"""What a run found, as every format of the output takes it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from xent.lint.finding import SEVERITIES, Finding, Place
from xent.lint.notebook import Cell, position


@dataclass(frozen=True, slots=True)
class Spot:
    """Where something is printed to be: in a notebook lines count from the start of the cell."""

    path: str
    cell: int | None
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.in_file}:{self.line}:{self.column}"

    @property
    def in_file(self) -> str:
        """The path, with the cell where there is one."""
        return self.path if self.cell is None else f"{self.path}:cell {self.cell}"


@dataclass(frozen=True, slots=True)
class ReportedFinding:
    """A finding with what is needed to print it without its file: the line that it starts on, the notebook's cells.

    ``fingerprint`` stays when lines are added or removed elsewhere in the file: it is made of the code, the line's
    text without its spaces, and how many findings of the same two come before. It does not hold the path.
    """

    finding: Finding
    source_line: str
    cells: tuple[Cell, ...]
    fingerprint: str

    @property
    def spot(self) -> Spot:
        """Where the finding is."""
        return self.spot_of(self.finding.place)

    def spot_of(self, place: Place) -> Spot:
        """Return where a place of the finding's is; only the finding's own file can be a notebook."""
        if not self.cells or place.path != self.finding.place.path:
            return Spot(place.path, None, place.line, place.column, place.end_line, place.end_column)
        cell, line = position(self.cells, place.line)
        return Spot(place.path, cell, line, place.column, line + place.end_line - place.line, place.end_column)


@dataclass(frozen=True, slots=True)
class Gone:
    """An entry of the baseline that is found no more."""

    path: str
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of a run in the order of its files, without those that the baseline knows."""

    findings: tuple[ReportedFinding, ...]
    n_files: int
    n_known: int = 0
    gone: tuple[Gone, ...] = ()

    def counts(self) -> dict[str, int]:
        """Return how many findings of each severity there are, worst first."""
        found = Counter(reported.finding.severity for reported in self.findings)
        return {severity: found[severity] for severity in SEVERITIES}


def reported(findings: Iterable[Finding], lines: list[str], cells: tuple[Cell, ...]) -> list[ReportedFinding]:
    """Return the findings of one file in the order of their places, with the lines they are on and fingerprints."""
    done = []
    seen: Counter[tuple[str, bytes]] = Counter()
    texts: dict[int, bytes] = {}  # a line of ten megabytes may have as many findings
    for finding in sorted(findings, key=lambda finding: (finding.place, finding.code, finding.message)):
        line = finding.place.line
        if line not in texts:
            text = "".join(lines[line - 1].split()) if line <= len(lines) else ""
            texts[line] = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
        key = (finding.code, texts[line])
        digest = hashlib.sha256(b"%s\0%s\0%d" % (finding.code.encode(), texts[line], seen[key]))
        seen[key] += 1
        source_line = lines[line - 1] if line <= len(lines) else ""
        done.append(ReportedFinding(finding, source_line, cells, digest.hexdigest()[:32]))
    return done
