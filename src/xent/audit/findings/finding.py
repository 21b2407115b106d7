"""What a finding is, the list of the rules that look for one, and the words that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from xent.audit.chance import binomial
from xent.audit.engine import Audit
from xent.audit.rows import Problem

Json = dict[str, Any]
Severity = Literal["error", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong; the fields are those of ``findings[]`` in the result."""

    code: str
    severity: Severity
    title: str
    seen: str
    why: str
    do: str
    rows: tuple[int, ...] = ()
    classes: tuple[int, ...] = ()

    def json(self) -> Json:
        """Return the finding as it stands in the result."""
        return {**asdict(self), "rows": list(self.rows), "classes": list(self.classes)}


Rule = Callable[[Audit, Json], Iterator[Finding]]


def percent(share: float) -> str:
    """Return a share in words."""
    return f"{100 * share:.1f} %"


def name_list(result: Json, classes: list[int]) -> str:
    """Return the names of the first classes, and how many more there are."""
    names = [result["classes"][k]["name"] for k in classes[:8]]
    return ", ".join(names) + (f" and {len(classes) - 8} more" if len(classes) > 8 else "")


def falls_short(share: Json, goal: float) -> float:
    """Return how often a true share of ``goal`` would look as low as this one, or lower."""
    n = round(share["n"])
    return binomial(round(n * (1 - share["value"])), n, 1 - goal)


def row_list(problem: Problem) -> str:
    """Return the numbers of the first rows with what stood there, and how many more there are."""
    shown = [f"row {row} ({value})" for row, value in zip(problem.rows[:5], problem.values, strict=False)]
    return ", ".join(shown) + (f" and {problem.count - 5:,} more" if problem.count > 5 else "")
