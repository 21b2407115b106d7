"""The input checks that the report lists: each what was looked for and what was found, good news too."""

from __future__ import annotations

from typing import Any

from xent.audit.engine import Audit

Json = dict[str, Any]


def checks(audit: Audit) -> list[Json]:
    """Return ``checks[]`` of the result."""
    facts, description = audit.facts, audit.source.description
    if description.kind == "probs":
        kind = ("info", "Given as probabilities (--probs): logits are their logarithms, exact up to a constant a row.")
    elif facts.probability_like == facts.usable:
        kind = ("error", "Given as logits, but every row lies in [0, 1] and sums to 1.")
    else:
        kind = ("ok", "Given as logits, and not every row looks like probabilities.")
    found = audit.duplicates
    looked = f"{found.rows:,} rows" if found.exact else f"a sample by hash of {found.rows:,} rows"
    certain = f" Left out are {found.certain:,} that give one class the probability 1: they repeat by nature."
    return [
        _check("Rows", "ok", f"{facts.rows:,} rows of {audit.n_classes} classes, scores in {description.dtype}."),
        *(_check("Whole file", "warning", note) for note in description.notes),
        _check("Kind of scores", *kind),
        _problem("Labels present", facts.label_missing.count, "have no label", "Every row has a label."),
        _problem(
            "Labels in range",
            facts.label_range.count,
            f"have a label outside 0 … {audit.n_classes - 1}",
            f"Every label lies in 0 … {audit.n_classes - 1}.",
        ),
        _problem(
            "Scores finite",
            facts.not_finite.count,
            "have NaN or +inf scores, or -inf throughout",
            "No score is NaN or +inf, and no row is -inf throughout.",
        ),
        *(
            [
                _problem(
                    "Rows sum to 1", facts.not_distribution.count, "are no distribution", "Every row is a distribution."
                )
            ]
            if description.kind == "probs"
            else []
        ),
        _check(
            "Ignored rows",
            "info" if facts.ignored else "ok",
            f"{facts.ignored:,} rows carry the label {audit.options.ignore_index} and take no part."
            if facts.ignored
            else f"No row carries the label {audit.options.ignore_index}.",
        ),
        *(
            [_check("Rows of weight 0", "info", f"{facts.weightless:,} rows have the weight 0 and take no part.")]
            if facts.weightless
            else []
        ),
        _check(
            "Identical rows",
            "ok" if found.across == 0 else "info" if found.coarse else "warning",
            (
                f"Of {looked}, {found.repeated:,} repeat the scores and label of another bit for bit, {found.across:,} "
                "of them across the split."
                if found.repeated
                else f"Of {looked}, none repeats the scores and label of another bit for bit."
            )
            + (certain if found.certain else ""),
        ),
    ]


def _check(name: str, status: str, detail: str) -> Json:
    return {"name": name, "status": status, "detail": detail}


def _problem(name: str, count: int, wrong: str, right: str) -> Json:
    rows = "row" if count == 1 else "rows"
    return _check(name, "error" if count else "ok", f"{count:,} {rows}: {wrong}." if count else right)
