"""XA1xx: rows that cannot be what they were said to be."""

from __future__ import annotations

from collections.abc import Iterator

from xent.audit.engine import Audit
from xent.audit.findings.finding import Finding, Json, Rule, row_list
from xent.audit.rows import Problem


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
        seen = f"{what}, left out of every score: {problem.count:,}. {row_list(problem).capitalize()}."
        yield Finding(code, "error", title, seen, why, do, rows=tuple(problem.rows))


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


def infinite_loss(audit: Audit, result: Json) -> Iterator[Finding]:
    """XA106."""
    problem = audit.facts.zero_target
    if problem.count:
        yield Finding(
            "XA106",
            "warning",
            "The true class has probability 0",
            f"{problem.count:,} scored rows give their label a probability of exactly 0: {row_list(problem)}.",
            "Their loss is infinite, and so are the mean loss and the perplexity; no temperature can help them. "
            "Rounded or masked probabilities are the usual cause.",
            "Keep logits rather than probabilities, or probabilities in float32 or better.",
            rows=tuple(problem.rows),
        )


RULES: tuple[Rule, ...] = (
    *(probabilities_for_logits, labels_out_of_range, labels_missing),
    *(scores_not_finite, rows_not_distributions, infinite_loss),
)
