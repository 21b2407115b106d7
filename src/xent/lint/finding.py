"""What the linter says: a finding, the evidence that leads to it, and the edit that mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "info"]
#: Worst first. An error trains or reports something wrong, a warning may, an information is harmless and worth knowing.
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A stretch of a file. Lines and columns count from 1, columns in characters; the end is one past the last."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int


@dataclass(frozen=True, slots=True)
class Step:
    """One link of a chain of evidence: ``head ends with Softmax(dim=1)``, and where that is written."""

    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Edit:
    """Text that replaces a stretch of a file; an empty stretch is an insertion, an empty text a removal."""

    place: Place
    replacement: str


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that mend a finding, all or none. A safe one keeps what the program computes."""

    what: str
    edits: tuple[Edit, ...]
    safe: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake: which rule, where the value meets the loss, in words, and the steps that prove it, in flow order."""

    code: str
    severity: Severity
    place: Place
    message: str
    evidence: tuple[Step, ...] = ()
    fix: Fix | None = None


class SourceProblem(Exception):
    """A file that cannot be checked: it cannot be read, decoded or parsed. Says why in one line."""

    def __init__(self, path: str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path, self.line, self.message = path, line, message
