"""XA5xx: groups that meet another model."""

from __future__ import annotations

from collections.abc import Iterator

from xent._estimates import effective_size
from xent.audit.chance import fisher
from xent.audit.engine import Audit
from xent.audit.findings.finding import Finding, Json, Rule, percent


def slice_far_worse(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA501."""
    total = audit.after.total
    compared = []
    for slicer, table in zip(audit.slicers, audit.slice_tables, strict=True):
        for name, code in table.names.items():
            weight = [float(table.sums.weight[code]), float(total.weight[0] - table.sums.weight[code])]
            squares = [float(table.sums.weight_squares[code])]
            squares.append(float(total.weight_squares[0]) - squares[0])
            right = [float(table.sums.correct[code]), float(total.correct[0] - table.sums.correct[code])]
            n, rest_n = map(effective_size, weight, squares)
            if min(n, rest_n) >= 20:
                error, rest = (min(max(1 - r / w, 0.0), 1.0) for r, w in zip(right, weight, strict=True))
                compared.append((slicer.spec.column, name, n, rest_n, error, rest))
    for column, name, n, rest_n, error, rest in compared:
        if not (error > 1.5 * rest and error - rest > 0.02):
            continue
        p = len(compared) * fisher(round(n * error), round(n), round(rest_n * rest), round(rest_n))
        if p < 0.05:
            yield Finding(
                "XA501",
                "warning",
                f"Much worse where {column} is {name}",
                f"Error rate {percent(error)} against {percent(rest)} on the rest (n = {n:,.0f}; p = {p:.2g} by "
                f"Fisher's exact test, after correction for the {len(compared)} slices compared).",
                "The mean hides it: whoever lives in this slice meets another model.",
                "Look at rows of this slice, collect more of them for training, or decide there with other thresholds.",
            )


RULES: tuple[Rule, ...] = (slice_far_worse,)
