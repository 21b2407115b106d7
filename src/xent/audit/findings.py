"""Findings: what is wrong, why it matters, and what to do; one small function each.

A finding reads the facts of the first pass or the result, and is silent unless the evidence is complete: a difference
must exceed its interval, not only exist, and where many classes or slices are looked at, the level of 5 % is shared
among them (Bonferroni), so that a sound model is seldom accused. It must also be large enough to matter. Codes are
stable for ever: XA1xx input, XA2xx calibration, XA3xx classes, XA4xx thresholds, XA5xx slices, XA6xx leakage.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from xent._estimates import effective_size
from xent.audit.chance import binomial, chance_to_miss, fisher
from xent.audit.engine import Audit
from xent.audit.result import REASONS
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
_RULES: list[Rule] = []


def _rule(function: Rule) -> Rule:
    _RULES.append(function)
    return function


def find(audit: Audit, result: Json) -> list[Json]:
    """Return all findings, worst first; among equals in the order of their codes."""
    found = [finding for rule in _RULES for finding in rule(audit, result)]
    return [f.json() for f in sorted(found, key=lambda f: (SEVERITIES.index(f.severity), f.code))]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _name_list(result: Json, classes: list[int]) -> str:
    names = [result["classes"][k]["name"] for k in classes[:8]]
    return ", ".join(names) + (f" and {len(classes) - 8} more" if len(classes) > 8 else "")


def _falls_short(share: Json, goal: float) -> float:
    """Return how often a true share of ``goal`` would look as low as this one, or lower."""
    n = round(share["n"])
    return binomial(round(n * (1 - share["value"])), n, 1 - goal)


def _row_list(problem: Problem) -> str:
    shown = [f"row {row} ({value})" for row, value in zip(problem.rows[:5], problem.values, strict=False)]
    return ", ".join(shown) + (f" and {problem.count - 5:,} more" if problem.count > 5 else "")


# Input ---------------------------------------------------------------------------------------------------------------


@_rule
def probabilities_for_logits(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA101."""
    usable, like = audit.facts.usable, audit.facts.probability_like
    # True logits lie in [0, 1] and sum to 1 by chance in few rows, and only where there are two or three classes.
    if audit.source.description.kind == "logits" and like > 0.05 * usable:
        most = like > 0.9 * usable
        yield Finding(
            "XA101",
            "error" if most else "warning",
            "The scores look like probabilities, not logits" if most else "Some scores look like probabilities",
            f"{'All' if like == usable else f'{like:,} of'} {usable:,} rows lie in [0, 1] and sum to 1, but the scores "
            "were given as logits.",
            "A softmax of probabilities is nearly uniform: losses, calibration and thresholds are then those of "
            "another model.",
            "Run it again with --probs instead of --logits if these are probabilities."
            if most
            else "Find out where the two kinds were mixed: one file, one kind.",
        )


def _left_out(code: str, title: str, problem: Problem, what: str, why: str, do: str) -> Iterator[Finding]:
    if problem.count:
        seen = f"{what}, left out of every score: {problem.count:,}. {_row_list(problem).capitalize()}."
        yield Finding(code, "error", title, seen, why, do, rows=tuple(problem.rows))


@_rule
def labels_out_of_range(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA102."""
    yield from _left_out(
        "XA102",
        "Labels outside the classes",
        audit.facts.label_range,
        f"Rows with a label outside 0 … {audit.n_classes - 1}",
        "In training such labels crash or, wrapped round, teach a wrong class; here they leave out rows that were "
        "meant to count.",
        "Number the classes from 0 in the order of the scores, or name the value that marks unlabelled rows with "
        "--ignore-index.",
    )


@_rule
def labels_missing(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA103."""
    yield from _left_out(
        "XA103",
        "Rows without a label",
        audit.facts.label_missing,
        "Rows without a label",
        "Rows are seldom unlabelled at random: the scores hold for the labelled ones only.",
        "Label them, or find out why they have none.",
    )


@_rule
def scores_not_finite(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA104."""
    yield from _left_out(
        "XA104",
        "NaN or infinite logits",
        audit.facts.not_finite,
        "Rows with a NaN or +inf score, or -inf throughout",
        "The model failed on these rows. In deployment it will fail again, and a comparison with NaN decides silently.",
        "Trace one of these rows through the model: overflow in half precision and division by 0 are the usual causes.",
    )


@_rule
def rows_not_distributions(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA105."""
    yield from _left_out(
        "XA105",
        "Rows that are no probability distribution",
        audit.facts.not_distribution,
        "Rows of --probs that are negative or miss a sum of 1 by more than 0.01",
        "They are no softmax output: independent sigmoids, or logits, or a part of the classes.",
        "Pass logits with --logits if you have them; check that no class column is missing.",
    )


@_rule
def infinite_loss(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA106."""
    problem = audit.facts.zero_target
    if problem.count:
        yield Finding(
            "XA106",
            "warning",
            "The true class has probability 0",
            f"{problem.count:,} scored rows give their label a probability of exactly 0: {_row_list(problem)}.",
            "Their loss is infinite, and so are the mean loss and the perplexity; no temperature can help them. "
            "Rounded or masked probabilities are the usual cause.",
            "Keep logits rather than probabilities, or probabilities in float32 or better.",
            rows=tuple(problem.rows),
        )


# Calibration ---------------------------------------------------------------------------------------------------------


@_rule
def miscalibrated(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA201, XA202."""
    scaled = audit.policy_fit.converged
    settled = scaled and not _beyond_chance(result["calibration"]["after"]["ece"])
    richer = "look at the reliability diagram and the classes, and at a richer calibrator (vector, matrix, isotonic)."
    for code, when, how, do in (
        (
            "XA201",
            "before",
            "as it stands",
            "Divide the logits by the fitted temperature, which settles it: policy.json does."
            if settled
            else "Divide the logits by the fitted temperature: policy.json does."
            if scaled
            else richer.capitalize(),
        ),
        ("XA202", "after", "even after temperature scaling", f"One number cannot mend this: {richer}"),
    ):
        part = result["calibration"][when]
        ece = part["ece"]
        if not _beyond_chance(ece):
            continue
        if when == "after" and not scaled:
            continue  # nothing was scaled: the numbers are those of XA201
        yield Finding(
            code,
            "info" if ece["value"] < 0.02 or (when == "before" and settled) else "warning",
            f"Miscalibrated {how}",
            f"ECE {ece['value']:.3f} [{ece['low']:.3f}, {ece['high']:.3f}]; a calibrated model of this size shows at "
            "most "
            f"{ece['null_95']:.3f} in 95 % of samples. The mean confidence is {_percent(part['mean_confidence'])}, the "
            f"accuracy {_percent(result['scores'][when]['accuracy']['value'])}.",
            "A probability that does not mean what it says makes every threshold and every expected cost wrong.",
            do,
        )


def _beyond_chance(ece: Json) -> bool:
    return ece["low"] is not None and ece["low"] > 0 and ece["p_value"] < 0.05


@_rule
def temperature_not_converged(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA205."""
    fit = audit.policy_fit
    if fit.reason is None and not fit.converged:
        yield Finding(
            "XA205",
            "error",
            "The temperature did not converge",
            f"After {fit.passes} passes T = {fit.temperature:.3g} still moves; it is no optimum.",
            "Everything after calibration, the policy too, rests on a number that was not found.",
            "Look at the range of the logits: differences beyond 1e150 within a row are beyond float64.",
        )


@_rule
def no_temperature(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA203."""
    reason = audit.policy_fit.reason
    if reason is not None:
        yield Finding(
            "XA203",
            "warning",
            "No temperature could be fitted",
            f"Of {audit.fit_rows:,} rows: {REASONS[reason]}.",
            "Probabilities are as the model gave them; nothing was calibrated.",
            "Calibrate on more rows, of data that the model was not trained on."
            if reason == "separable"
            else "Check that the labels belong to these rows and that the classes are in the order of the scores.",
        )


@_rule
def calibration_hurts(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA204."""
    change = audit.loss_change.mean()
    rows = min(fit.rows for fit in audit.fits)
    # A temperature of n rows of the same population costs χ²/(2n) nats, χ² having one degree of freedom; twice as much
    # in cross-fitting, where the two halves err in opposite directions.
    chance = 3.84 / (2 * rows) * (1 if audit.split else 2) if rows else math.inf
    if change.low > 0 and change.value > max(chance, 1e-3):
        yield Finding(
            "XA204",
            "warning",
            "Temperature scaling made the loss worse",
            f"On the scored rows the NLL rises by {change.value:.4f} [{change.low:.4f}, {change.high:.4f}] nats a row. "
            f"Chance in fitting the temperature on {rows:,} rows explains up to {chance:.4f}.",
            "The rows that the temperature was fitted on and those that are scored do not seem to come from one "
            "population.",
            "Check how the split was made; calibrate on data like that of deployment.",
        )


# Classes -------------------------------------------------------------------------------------------------------------


@_rule
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
            f"{len(never)} of {audit.n_classes} classes have no row: {_name_list(result, never)}.",
            "Nothing can be said of them: no recall, no threshold. Their probability is only ever taken from the other "
            "classes.",
            "Collect rows of these classes, or take them out of the model.",
            classes=tuple(never),
        )


@_rule
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


@_rule
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
            f"{_name_list(result, never)}: labelled in {rows:,} scored rows, predicted in none.",
            "The model has given them up, which a mean over rows hides when they are rare.",
            "Look at the thresholds rather than the largest probability, and at how rare classes were weighted in "
            "training.",
            classes=tuple(never),
        )


@_rule
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
        and len(looked_at) * _falls_short(c["recall"], accuracy["low"]) < 0.05
    ]
    if rare:
        worst = min(rare, key=lambda c: float(c["recall"]["value"]))
        share = result["classes"][worst["index"]]["share"]
        macro = result["scores"]["after"]["macro_recall"]["value"]
        yield Finding(
            "XA304",
            "warning",
            "Rare classes are found much less often than the mean says",
            f"Accuracy is {_percent(accuracy['value'])}, but {worst['name']!r} ({_percent(share)} of the rows) has a "
            f"recall of {_percent(worst['recall']['value'])} [{_percent(worst['recall']['low'])}, "
            f"{_percent(worst['recall']['high'])}], n = {worst['n']}; macro recall is {_percent(macro)}. Classes "
            f"concerned: {_name_list(result, [c['index'] for c in rare])}.",
            "The mean over rows is the mean over the common classes: a model can be confident and right by base rate "
            "alone.",
            "Judge by macro recall and per-class thresholds; retrain with class weights or logit adjustment.",
            classes=tuple(c["index"] for c in rare),
        )


@_rule
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
            f"{c['name']!r} is {_percent(share)} of the rows, but its mean calibrated probability is {_percent(mean)}.",
            "The model expects another mix of classes than there is: training and this data differ in base rates, or "
            "classes were reweighted in training.",
            "If the mix of classes in deployment is known, correct the logits by the logarithm of the ratio of the "
            "base rates.",
            classes=tuple(item[1]["index"] for item in off),
        )


# Thresholds ----------------------------------------------------------------------------------------------------------


@_rule
def too_few_positives(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA401."""
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
            f"{len(few)} of {audit.n_classes} classes have fewer ({_name_list(result, [t['index'] for t in few])}). "
            f"{least['name']!r} has {n}{effective}.",
            "The threshold reaches the recall on the rows that chose it, not on new ones: a threshold so chosen from "
            f"{n} rows falls short of {goal:g} in about {100 * chance_to_miss(n, goal):.0f} % of samples.",
            f"Collect at least {needed} rows of each class to choose thresholds on, or ask for a lower recall.",
            classes=tuple(t["index"] for t in few),
        )


@_rule
def no_threshold(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA402."""
    per_class = result["thresholds"]["per_class"]
    none = [t for t in per_class if t["threshold"] is None and t["index"] != audit.options.ignore_index]
    if none:
        goal = result["thresholds"]
        reasons = {t["reason"]: [u["index"] for u in none if u["reason"] == t["reason"]] for t in none}
        yield Finding(
            "XA402",
            "warning",
            f"No threshold reaches the {goal['target']} asked for",
            "; ".join(f"{_name_list(result, classes)}: {reason}" for reason, classes in reasons.items()) + ".",
            "The policy never flags these classes.",
            f"Ask for a {goal['target']} that the model has, or collect rows of these classes.",
            classes=tuple(t["index"] for t in none),
        )


@_rule
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
            f"{_name_list(result, [t['index'] for t in missed])}. {worst['name']!r} has {worst[kind]['value']:.3f} "
            f"[{worst[kind]['low']:.3f}, {worst[kind]['high']:.3f}].",
            "What was reached where the threshold was chosen is not what deployment will see.",
            "Check how the split was made, and choose thresholds on rows like those of deployment.",
            classes=tuple(t["index"] for t in missed),
        )


# Slices --------------------------------------------------------------------------------------------------------------


@_rule
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
                f"Error rate {_percent(error)} against {_percent(rest)} on the rest (n = {n:,.0f}; p = {p:.2g} by "
                f"Fisher's exact test, after correction for the {len(compared)} slices compared).",
                "The mean hides it: whoever lives in this slice meets another model.",
                "Look at rows of this slice, collect more of them for training, or decide there with other thresholds.",
            )


# Leakage -------------------------------------------------------------------------------------------------------------


@_rule
def leakage(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA601."""
    found = audit.duplicates
    if not found.across:
        return
    where = "calibration and test" if audit.split else "both halves of the cross-fit"
    share = found.across / found.rows
    amount = f"{found.across:,}" if found.exact else f"An estimated {_percent(share)} of the"
    pairs = ", ".join(f"{a} and {b}" for a, b in found.pairs[:3])
    repeated = found.repeated / found.rows
    yield Finding(
        "XA601",
        "info" if found.coarse else "warning",
        "Scores repeat bit for bit" if found.coarse else "Identical rows on both sides of the split",
        f"{amount} rows have the same scores, bit for bit, and the same label as a row on the other side ({where}): "
        f"say rows {pairs}."
        + (f" {_percent(repeated)} of all rows repeat: the scores are probably just coarse." if found.coarse else ""),
        "What was fitted on a row is not tested by its copy: calibration and thresholds look better than they are.",
        "Remove duplicates before splitting, and split by patient, scene or source rather than by row.",
        rows=tuple(row for pair in found.pairs for row in pair),
    )
