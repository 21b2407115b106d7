"""XA6xx: rows on both sides."""

from __future__ import annotations

from collections.abc import Iterator

from xent.audit.engine import Audit
from xent.audit.findings.finding import Finding, Json, Rule, percent


def leakage(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA601."""
    found = audit.duplicates
    if not found.across:
        return
    where = "calibration and test" if audit.split else "both halves of the cross-fit"
    share = found.across / found.rows
    amount = f"{found.across:,}" if found.exact else f"An estimated {percent(share)} of the"
    pairs = ", ".join(f"{a} and {b}" for a, b in found.pairs[:3])
    repeated = found.repeated / found.rows
    yield Finding(
        "XA601",
        "info" if found.coarse else "warning",
        "Scores repeat bit for bit" if found.coarse else "Identical rows on both sides of the split",
        f"{amount} rows have the same scores, bit for bit, and the same label as a row on the other side ({where}): "
        f"say rows {pairs}."
        + (f" {percent(repeated)} of all rows repeat: the scores are probably just coarse." if found.coarse else ""),
        "What was fitted on a row is not tested by its copy: calibration and thresholds look better than they are.",
        "Remove duplicates before splitting, and split by patient, scene or source rather than by row.",
        rows=tuple(row for pair in found.pairs for row in pair),
    )


RULES: tuple[Rule, ...] = (leakage,)
