"""XA7xx: inputs that the classifier cannot know, and takes for known ones."""

from __future__ import annotations

from collections.abc import Iterator

from xent.audit.engine import Audit
from xent.audit.findings.finding import Finding, Json, Rule, percent


def unknowns_accepted(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA701."""
    unknowns = result["unknowns"]
    if unknowns is None:
        return
    best = unknowns["scores"][0]
    if best["fpr"]["low"] > 0.5:
        yield Finding(
            "XA701",
            "warning",
            "Most unknown inputs pass for known ones",
            f"At the threshold that keeps {percent(unknowns['tpr_goal'])} of the known rows, the best score, "
            f"{best['name']}, accepts {percent(best['fpr']['value'])} [{percent(best['fpr']['low'])}, "
            f"{percent(best['fpr']['high'])}] of {unknowns['source']['name']} (AUROC {best['auroc']['value']:.3f}).",
            "Such inputs get a class and a confidence like any other.",
            "Train with examples of them, or score features in place of logits; these scores will not do.",
        )


RULES: tuple[Rule, ...] = (unknowns_accepted,)
