"""XA4xx: goals that cannot be promised, or are missed."""

from __future__ import annotations

import math
from collections.abc import Iterator

from xent.audit.chance import chance_to_miss, fisher
from xent.audit.engine import Audit
from xent.audit.findings.finding import Finding, Json, Rule, name_list


def too_few_positives(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA401."""
    if audit.options.goal.confidence is not None:
        return  # unproven() says more
    few = [
        t
        for t in result["thresholds"]["per_class"]
        if t["needed_positives"] is not None and 0 < t["fit_positives"] < t["needed_positives"]
    ]
    if few:
        goal, needed = result["thresholds"]["goal"], few[0]["needed_positives"]
        least = min(few, key=lambda t: float(t["fit_positives"]))
        n = math.floor(least["fit_positives"])
        effective = "" if n == audit.fit_counts[least["index"]] else " (in effect, given their weights)"
        yield Finding(
            "XA401",
            "warning",
            "Too few rows for the recall asked for",
            f"A recall of {goal:g} can be promised with 95 % confidence from {needed} rows of a class; "
            f"{len(few)} of {audit.n_classes} classes have fewer ({name_list(result, [t['index'] for t in few])}). "
            f"{least['name']!r} has {n}{effective}.",
            "The threshold reaches the recall on the rows that chose it, not on new ones: a threshold so chosen from "
            f"{n} rows falls short of {goal:g} in about {100 * chance_to_miss(n, goal):.0f} % of samples.",
            f"Collect at least {needed} rows of each class to choose thresholds on, or ask for a lower recall.",
            classes=tuple(t["index"] for t in few),
        )


def no_threshold(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA402."""
    if audit.options.goal.confidence is not None:
        return  # unproven() says why
    per_class = result["thresholds"]["per_class"]
    none = [t for t in per_class if t["threshold"] is None and t["index"] != audit.options.ignore_index]
    if none:
        goal = result["thresholds"]
        reasons = {t["reason"]: [u["index"] for u in none if u["reason"] == t["reason"]] for t in none}
        yield Finding(
            "XA402",
            "warning",
            f"No threshold reaches the {goal['target']} asked for",
            "; ".join(f"{name_list(result, classes)}: {reason}" for reason, classes in reasons.items()) + ".",
            "The policy never flags these classes.",
            f"Ask for a {goal['target']} that the model has, or collect rows of these classes.",
            classes=tuple(t["index"] for t in none),
        )


def unproven(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA404."""
    goal = result["thresholds"]
    none = [t for t in goal["per_class"] if t["proven"] is False and t["index"] != audit.options.ignore_index]
    if none:
        reasons = {t["reason"]: [u["index"] for u in none if u["reason"] == t["reason"]] for t in none}
        yield Finding(
            "XA404",
            "warning",
            f"The {goal['target']} asked for cannot be promised for every class",
            f"With {100 * goal['confidence']:g} % confidence for all {audit.n_classes} classes at once: "
            + "; ".join(f"{name_list(result, classes)}: {reason}" for reason, classes in list(reasons.items())[:8])
            + (f"; and {len(reasons) - 8} more reasons" if len(reasons) > 8 else "")
            + ".",
            "The policy never flags these classes: a threshold without a proof would look like one with it.",
            f"Collect rows of these classes, or ask for a lower {goal['target']} or confidence.",
            classes=tuple(t["index"] for t in none),
        )


def goal_missed(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA403."""
    kind, goal = result["thresholds"]["target"], result["thresholds"]["goal"]
    looked_at = [t for t in result["thresholds"]["per_class"] if t["threshold"] is not None and t[kind]["n"] > 0]
    per_weight = audit.after.total.size() / float(audit.score_weight.sum())  # effective rows

    def by_chance(t: Json) -> float:
        """Return how often rows of one population miss the goal so much more often than those that chose.

        Of a cross-fit each half is tested alone, and the smaller of the two counts twice: the threshold that is too
        high for one half is chosen by the other, so their misses do not average out.
        """
        k, halves = t["index"], len(audit.own)
        found = []
        for number in range(halves):
            about = float((audit.own if kind == "recall" else audit.flagged)[number, k])
            n = round(per_weight * about)
            missed = round(per_weight * (about - float(audit.flagged_own[number, k])))
            chosen_n = round(per_weight * float(audit.chosen_weight[number, k]))
            chosen_misses = min(math.ceil(per_weight * float(audit.chosen_misses[number, k]) - 1e-9), chosen_n)
            found.append(fisher(missed, n, chosen_misses, chosen_n))
        return halves * min(found)

    # Missed beyond chance, and by a quarter more mistakes than were allowed: large data show every trifle.
    missed = [t for t in looked_at if 1 - t[kind]["value"] > 1.25 * (1 - goal) and len(looked_at) * by_chance(t) < 0.05]
    if missed:
        worst = min(missed, key=lambda t: float(t[kind]["value"]))
        yield Finding(
            "XA403",
            "warning",
            f"The {kind} asked for is missed on new rows",
            f"{len(missed)} of {len(looked_at)} classes miss {goal:g} on the rows that did not choose the threshold, "
            "beyond what chance in choosing and in testing explains (5 % shared among the classes): "
            f"{name_list(result, [t['index'] for t in missed])}. {worst['name']!r} has {worst[kind]['value']:.3f} "
            f"[{worst[kind]['low']:.3f}, {worst[kind]['high']:.3f}].",
            "What was reached where the threshold was chosen is not what deployment will see.",
            "Check how the split was made, and choose thresholds on rows like those of deployment.",
            classes=tuple(t["index"] for t in missed),
        )


RULES: tuple[Rule, ...] = (too_few_positives, no_threshold, unproven, goal_missed)
