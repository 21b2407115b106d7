"""What a safety reviewer asks of a classifier, answered from the data or marked as not answerable; the terms used."""

from __future__ import annotations

from typing import Any

from xent.audit.engine import Audit

Json = dict[str, Any]


def answers(audit: Audit, result: Json) -> list[Json]:
    """Return ``review[]`` of the result."""
    return [
        {"question": question, "answer": answer, "from": source}
        for question, answer, source in (
            _class_meaning(result),
            _exclusive(audit),
            _ignored(audit),
            _rare(audit, result),
            _deployment(result),
            _behaviour(result),
        )
    ]


def _class_meaning(result: Json) -> tuple[str, str, str]:
    names = [c["name"] for c in result["classes"]]
    shown = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
    return (
        "What exactly is a class?",
        f"The table has {len(names)} classes, named {shown}. What belongs to each, and who decided it, is not in the "
        "data: attach the labelling guide.",
        "not answerable",
    )


def _exclusive(audit: Audit) -> tuple[str, str, str]:
    return (
        "Are the classes exclusive?",
        "Every row has one label and the scores are read as a softmax, so this audit treats them as exclusive and "
        "complete: each row "
        f"is exactly one of the {audit.n_classes}. Whether the world is so, a table with one label a row cannot show.",
        "partly",
    )


def _ignored(audit: Audit) -> tuple[str, str, str]:
    facts = audit.facts
    left_out = facts.rows - facts.usable
    if left_out == 0:
        answer = f"None: all {facts.rows:,} rows take part."
    else:
        answer = (
            f"{left_out:,} of {facts.rows:,} rows take no part: {facts.ignored:,} with the label "
            f"{audit.options.ignore_index} (--ignore-index), {facts.invalid:,} invalid, {facts.other_split:,} of other "
            "splits. The model was not judged there."
        )
    return "Which regions are ignored?", answer, "data"


def _rare(audit: Audit, result: Json) -> tuple[str, str, str]:
    seen = [c for c in result["classes"] if c["score_rows"] > 0]
    rare, common = min(seen, key=lambda c: float(c["share"])), max(seen, key=lambda c: float(c["share"]))
    recall = result["per_class"][rare["index"]]["recall"]
    scores = result["scores"]["after"]
    weights = (
        f"This audit weights rows by {audit.source.description.weight_column!r}."
        if audit.source.description.weight_column
        else "This audit weights all rows alike."
    )
    return (
        "How are rare classes weighted?",
        f"{weights} The rarest class seen, {rare['name']!r}, is {100 * rare['share']:.2g} % of the rows "
        f"({common['name']!r}: {100 * common['share']:.2g} %) and has a recall of {recall['value']:.3f} "
        f"[{recall['low']:.3f}, {recall['high']:.3f}]; accuracy {scores['accuracy']['value']:.3f}, macro recall "
        f"{scores['macro_recall']['value']:.3f}. How they were weighted in training is not in the data.",
        "partly",
    )


def _deployment(result: Json) -> tuple[str, str, str]:
    return (
        "Are the logits calibrated on deployment-like data?",
        f"{result['design']['sentence']} Whether these rows are like those of deployment (same sensors, sites, time, "
        "mix of classes) is not in the data; slices by site or time (--slice) would show differences within it.",
        "partly",
    )


def _behaviour(result: Json) -> tuple[str, str, str]:
    goal, decision = result["thresholds"], result["thresholds"]["decision"]
    return (
        "Which threshold maps probability to behaviour?",
        "policy.json: a class is flagged when its calibrated probability reaches the class's own threshold, chosen "
        f"for a {goal['target']} of {goal['goal']:g}{_promised(goal)}; a row with exactly one flag is decided "
        f"({100 * decision['one']:.1f} % of the scored rows), any other is for a person "
        f"({100 * decision['several']:.1f} % with several, {100 * decision['none']:.1f} % with none). What follows "
        "from a decision is outside the data.",
        "data",
    )


def _promised(goal: Json) -> str:
    """Say what a promise is about: of a recall the flags keep it, not the decisions of rows with one flag."""
    return "" if goal["confidence"] is None else " (the promise is of these flags, class by class, not of decisions)"


def definitions(result: Json) -> list[Json]:
    """Return ``definitions[]``: each term that the report uses, in one line."""
    n_bins = result["calibration"]["before"]["ece"]["n_bins"]
    goal = result["thresholds"]
    terms = {
        "NLL": "mean of -log p(label) over the scored rows, in nats (natural logarithm); bits are nats / log 2",
        "Perplexity": "exp(NLL): the number of equally likely classes that the uncertainty amounts to",
        "Baseline": "the model that gives every row the class shares of the rows that fit, (count + 1) / (n + classes)",
        "Brier": "mean of Σ_k (p_k - y_k)², in [0, 2] = reliability - resolution + uncertainty + remainder, in 15 bins "
        "of equal width a class, summed over the classes; the remainder varies within bins",
        "ECE": f"Σ_b (n_b/n) |accuracy_b - confidence_b| over {n_bins} bins of equal width of the largest probability; "
        "the last bin holds 1.0",
        "ECE interval": "for the binned error: below, ECE minus the 97.5 % quantile of its simulated noise; above, ECE "
        "+ 1.96 standard errors",
        "Null band": "where the accuracy of a perfectly calibrated model with these confidences falls in 95 % of "
        "samples of this size",
        "MCE": "the largest |accuracy_b - confidence_b| of any bin, however few its rows",
        "Temperature": "the T that minimises the NLL of logits / T on the rows that fit; above 1 the model was "
        "overconfident",
        "Calibrator": "what turns the logits into those that are scored after calibration; the comparison is by "
        "cross-validated NLL on rows that may be learnt from, never by ECE",
        "Interval": "95 %: Wilson's score interval for shares, mean ± 1.96 standard errors for losses",
        "n": "rows; with weights the effective number (Σw)²/Σw²",
        "Macro recall": "the unweighted mean of the recalls of the classes that have rows",
        "Threshold": f"on the calibrated probability of the class: {_how(goal)}, an edge of a histogram of "
        "odds (32 bins to a factor of 2; fewer above 1000 classes)",
        "Needed": "the fewest rows of a class with which a recall r can be promised with 95 % confidence: log 0.05 / "
        "log r",
    }
    if goal["confidence"] is not None:
        terms["Needed"] = (
            f"the fewest rows with which the goal can be promised at a confidence of {goal['confidence']:g} for all "
            "classes at once, each having its share of what may go wrong (Bonferroni)"
        )
        terms["Proven"] = (
            "by exact bounds, Beta order statistics for a recall and tests in a fixed order for a precision"
        )
    if result["unknowns"] is not None:
        terms["AUROC"] = (
            "the share of pairs of a known and an unknown input of which the known one has the higher score"
        )
    return [{"term": term, "meaning": meaning} for term, meaning in terms.items()]


def _how(goal: Json) -> str:
    which = "highest" if goal["target"] == "recall" else "lowest"
    if goal["confidence"] is None:
        return f"the {which} that reaches the {goal['target']} on the rows that choose"
    return f"the {which} at which the {goal['target']} is proven from the rows that choose"
