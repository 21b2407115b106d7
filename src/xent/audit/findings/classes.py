"""XA3xx: classes that are not seen, not predicted, not found."""

from __future__ import annotations

import math
from collections.abc import Iterator

from xent.audit.engine import Audit
from xent.audit.findings.finding import Finding, Json, Rule, falls_short, name_list, percent


def class_never_seen(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA301."""
    never = [k for k in range(audit.n_classes) if audit.score_counts[k] + audit.fit_counts[k] == 0]
    ignored = audit.options.ignore_index
    never = [k for k in never if k != ignored]
    if never:
        yield Finding(
            "XA301",
            "warning",
            "Classes without a single labelled row",
            f"{len(never)} of {audit.n_classes} classes have no row: {name_list(result, never)}.",
            "Nothing can be said of them: no recall, no threshold. Their probability is only ever taken from the other "
            "classes.",
            "Collect rows of these classes, or take them out of the model.",
            classes=tuple(never),
        )


def class_ignored(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA302."""
    k = audit.options.ignore_index
    if 0 <= k < audit.n_classes and audit.facts.ignored:
        yield Finding(
            "XA302",
            "warning",
            "A real class is ignored wholesale",
            f"--ignore-index {k} is the class {result['classes'][k]['name']!r}: its {audit.facts.ignored:,} rows are "
            "left out.",
            "The audit says nothing of this class, and mistakes of other classes for it are not seen as mistakes of "
            "it.",
            "Use a value outside the classes, such as -100, for rows without a label.",
            classes=(k,),
        )


def class_never_predicted(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA303."""
    # Of fewer rows it may be chance: even a class that is found half of the time is missed 4 times running in 6 %.
    never = [k for k in range(audit.n_classes) if audit.score_counts[k] >= 5 and audit.by_predicted.weight[k] == 0]
    if never:
        rows = sum(int(audit.score_counts[k]) for k in never)
        yield Finding(
            "XA303",
            "warning",
            "Classes that are never predicted",
            f"{name_list(result, never)}: labelled in {rows:,} scored rows, predicted in none.",
            "The model has given them up, which a mean over rows hides when they are rare.",
            "Look at the thresholds rather than the largest probability, and at how rare classes were weighted in "
            "training.",
            classes=tuple(never),
        )


def imbalance(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA304."""
    accuracy = result["scores"]["after"]["accuracy"]
    looked_at = [
        c for c in result["per_class"] if c["n"] >= 5 and result["classes"][c["index"]]["share"] < 0.5 / audit.n_classes
    ]
    rare = [
        c
        for c in looked_at
        if c["recall"]["value"] < accuracy["value"] - 0.1
        and len(looked_at) * falls_short(c["recall"], accuracy["low"]) < 0.05
    ]
    if rare:
        worst = min(rare, key=lambda c: float(c["recall"]["value"]))
        share = result["classes"][worst["index"]]["share"]
        macro = result["scores"]["after"]["macro_recall"]["value"]
        yield Finding(
            "XA304",
            "warning",
            "Rare classes are found much less often than the mean says",
            f"Accuracy is {percent(accuracy['value'])}, but {worst['name']!r} ({percent(share)} of the rows) has a "
            f"recall of {percent(worst['recall']['value'])} [{percent(worst['recall']['low'])}, "
            f"{percent(worst['recall']['high'])}], n = {worst['n']}; macro recall is {percent(macro)}. Classes "
            f"concerned: {name_list(result, [c['index'] for c in rare])}.",
            "The mean over rows is the mean over the common classes: a model can be confident and right by base rate "
            "alone.",
            "Judge by macro recall and per-class thresholds; retrain with class weights or logit adjustment.",
            classes=tuple(c["index"] for c in rare),
        )


def base_rate(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA305."""
    total = audit.after.total.size()
    off = []
    for c in result["per_class"]:
        share, mean = result["classes"][c["index"]]["share"], c["mean_probability"]
        if c["index"] == audit.options.ignore_index:
            continue  # XA302 says what is to be said of it
        if max(share, mean) * total < 20 or 0.8 * share < mean < 1.25 * share:
            continue
        # The share of a class scatters around its mean probability, if that is honest, by at most this.
        error = math.sqrt(mean * (1 - mean) / total)
        # Four errors are beyond chance in 1 of 16 000; of rare classes Poisson's tails are longer, hence the 20 above.
        if abs(mean - share) > 4 * error:
            off.append((abs(mean - share) / error if error > 0 else math.inf, c, share, mean))
    if off:
        _, c, share, mean = max(off, key=lambda item: item[0])
        yield Finding(
            "XA305",
            "warning",
            "Mean probability and frequency of a class disagree",
            f"{c['name']!r} is {percent(share)} of the rows, but its mean calibrated probability is {percent(mean)}.",
            "The model expects another mix of classes than there is: training and this data differ in base rates, or "
            "classes were reweighted in training.",
            "If the mix of classes in deployment is known, correct the logits by the logarithm of the ratio of the "
            "base rates.",
            classes=tuple(item[1]["index"] for item in off),
        )


RULES: tuple[Rule, ...] = (class_never_seen, class_ignored, class_never_predicted, imbalance, base_rate)
