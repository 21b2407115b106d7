"""The input checks that the report lists: each what was looked for and what was found, good news too."""

from __future__ import annotations

from typing import Any

from xent.audit.engine import Audit

Json = dict[str, Any]


def checks(audit: Audit) -> list[Json]:
    """Return ``checks[]`` of the result."""
    facts, description = audit.facts, audit.source.description
    usable = facts.rows - facts.invalid - facts.ignored - facts.other_split
    looks = facts.probability_like == usable
    if description.kind == "probs":
        kind = ("info", "Given as probabilities (--probs): logits are their logarithms, exact up to a constant a row.")
    elif looks:
        kind = ("error", "Given as logits, but every row lies in [0, 1] and sums to 1.")
    else:
        kind = ("ok", "Given as logits, and not every row looks like probabilities.")
    found = audit.duplicates
    repeats = found.across + found.within
    looked = f"all {found.rows:,} rows" if found.exact else f"a sample by hash of {found.rows:,} rows"
    return [
        _check("Rows", "ok", f"{facts.rows:,} rows of {audit.n_classes} classes, scores in {description.dtype}."),
        _check("Kind of scores", *kind),
        _problem("Labels present", facts.label_missing.count, "rows have no label."),
        _problem("Labels in range", facts.label_range.count, f"rows have a label outside 0 … {audit.n_classes - 1}."),
        _problem("Scores finite", facts.not_finite.count, "rows have NaN or +inf scores, or -inf throughout."),
        *(
            [_problem("Rows sum to 1", facts.not_distribution.count, "rows are no distribution.")]
            if description.kind == "probs"
            else []
        ),
        _check(
            "Ignored rows",
            "info" if facts.ignored else "ok",
            f"{facts.ignored:,} rows carry the label {audit.options.ignore_index} and take no part.",
        ),
        _check(
            "Identical rows",
            "ok" if found.across == 0 else "warning",
            f"Among {looked}, {repeats:,} repeat another's scores and label bit for bit, {found.across:,} of them across the split.",
        ),
    ]


def _check(name: str, status: str, detail: str) -> Json:
    return {"name": name, "status": status, "detail": detail}


def _problem(name: str, count: int, what: str) -> Json:
    return _check(name, "error" if count else "ok", f"{count:,} {what}" if count else f"No {what}")
