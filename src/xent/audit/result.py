"""From what was measured to the result: the object of docs/reference/audit-result.md."""

from __future__ import annotations

import datetime
import math
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from xent._estimates import Estimate, effective_size, missing, normal, wilson
from xent.audit.calibrators import FOLDS, name_of
from xent.audit.engine import Audit, Measured
from xent.audit.numbers import Json, estimate, number, short
from xent.audit.options import Options
from xent.audit.statistics import ScoreSums
from xent.audit.threshold_result import NO_ROW, thresholds_result
from xent.audit.unknowns import unknowns_result
from xent.calibration.temperature import TemperatureFit
from xent.decisions.policy import Policy
from xent.decisions.thresholds import Goal, OddsHistogram

Float64 = NDArray[np.float64]

SCHEMA = "xent.audit/1"

_CONFUSION_SHOWN = 40
_PAIRS = 20
_LOG_MAX = 709.0  # exp of more is no float

REASONS = {
    "separable": "every row that the temperature learns from is classified right: the loss falls for ever as T goes "
    "to 0, so T stays 1",
    "uninformative": "on the rows that the temperature learns from the scores do not help: the best T is infinite, so "
    "T stays 1",
    "no rows": "no row with weight and a finite score for its label, so T stays 1",
}


def build(audit: Audit, names: tuple[str, ...]) -> Json:
    """Return all of the result that follows from the statistics; the caller adds findings, review and provenance."""
    description = audit.source.description
    return {
        "schema": SCHEMA,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "source": {
            "name": description.name,
            "format": description.format,
            "bytes": description.bytes,
            "sha256": audit.sha256,
            "rows": audit.facts.rows,
            "kind": description.kind,
            "dtype": description.dtype,
            "label_column": description.label_column,
            "logit_columns": description.logit_columns,
            "weight_column": description.weight_column,
            "split_column": description.split_column,
            "ignore_index": audit.options.ignore_index,
        },
        "design": _design(audit),
        "classes": _classes(audit, names),
        "scores": _scores(audit),
        "calibration": _calibration(audit),
        "per_class": _per_class(audit, names),
        "confusion": _confusion(audit),
        "worst_rows": _worst_rows(audit),
        "thresholds": thresholds_result(audit, names),
        "slices": _slices(audit),
        "unknowns": _unknowns(audit),
    }


def policy(audit: Audit, names: tuple[str, ...]) -> Policy:
    """Return the policy of an audit: fitted on every row that may be learnt from."""
    options, description = audit.options, audit.source.description
    return Policy(
        classes=names,
        thresholds=tuple(None if math.isnan(t) else float(t) for t in audit.thresholds[-1]),
        calibrator=audit.calibrators[-1],
        scores=description.kind,
        goal=_goal(options.goal),
        fitted_on={
            "source": description.name,
            "sha256": audit.sha256,
            "rows": audit.fit_rows,
            "rows_per_class": [int(count) for count in audit.fit_counts],
            "split": "calibration" if audit.split else "all rows (their scores in the report are cross-fitted)",
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "xent_version": version("xent"),
        },
    )


def _goal(goal: Goal) -> dict[str, float]:
    return {goal.kind: goal.value, **({} if goal.confidence is None else {"confidence": goal.confidence})}


def _design(audit: Audit) -> Json:
    facts = audit.facts
    what = "calibrator" if audit.options.calibrator != "temperature" else "temperature"
    if audit.split:
        sentence = (
            f"The {what} and the thresholds were chosen on the {audit.fit_rows:,} calibration rows; every score "
            f"after calibration is measured on the {audit.score_rows:,} test rows, which chose nothing."
        )
    else:
        sentence = (
            f"There is no split column, so the {audit.score_rows:,} rows were cut in two at random (seed "
            f"{audit.options.seed}): each half is scored with the {what} and the thresholds that the other half "
            "chose. The policy is fitted on all rows."
        )
    if audit.options.goal.confidence is not None:
        sentence += (
            f" Of the rows that may be learnt from, one half, by chance, fitted the {what}, and the other chose the "
            "thresholds, which is what their guarantee rests on."
        )
    if facts.other_split:
        sentence += f" {facts.other_split:,} rows of other splits were left out."
    if facts.weightless:
        sentence += f" {facts.weightless:,} rows of weight 0 were left out."
    return {
        "mode": "split" if audit.split else "cross-fit",
        "fit_rows": audit.fit_rows,
        "score_rows": audit.score_rows,
        "ignored_rows": facts.ignored,
        "invalid_rows": facts.invalid,
        "seed": audit.options.seed,
        "sentence": sentence,
    }


def _classes(audit: Audit, names: tuple[str, ...]) -> list[Json]:
    total = audit.score_weight.sum()
    return [
        {
            "index": k,
            "name": names[k],
            "fit_rows": int(audit.fit_counts[k]),
            "score_rows": int(audit.score_counts[k]),
            "share": number(audit.score_weight[k] / total) if total > 0 else None,
        }
        for k in range(audit.n_classes)
    ]


def _scores(audit: Audit) -> Json:
    return {
        "baseline": _baseline(audit),
        "before": _proper(audit.before, audit.before_histogram, audit.by_class_before, audit),
        "after": _proper(audit.after, audit.after_histogram, audit.by_class, audit),
    }


def _baseline(audit: Audit) -> Json:
    """Return the scores of the model that knows only the class shares of the rows that fit (Laplace: none is 0).

    Weights count relative to their mean, so that their unit does not matter.
    """
    fit, score = audit.fit_weight * (audit.fit_rows / audit.fit_weight.sum()) + 1.0, audit.score_weight
    prior, share = fit / fit.sum(), score / max(score.sum(), 1e-300)
    return {
        "nll": number(-(share @ np.log(prior))),
        "brier": number(float((prior**2).sum() - 2 * share @ prior + 1.0)),
        "accuracy": number(share[int(prior.argmax())]),
    }


def _proper(measured: Measured, histogram: OddsHistogram, by_class: ScoreSums, audit: Audit) -> Json:
    total = measured.total
    nll = total.mean_nll()
    brier = total.mean_brier()
    reliability, resolution, uncertainty = histogram.brier_parts()
    n = total.size()
    ks = sorted({k for k in (1, 2, 3, 5, 10) if k < audit.n_classes} | {1})
    reason = {"reason": nll.reason or "exp(NLL) exceeds every float"} if not nll.value < _LOG_MAX else {}
    return {
        "accuracy": estimate(total.accuracy()),
        "nll": estimate(nll),
        "nll_bits": number(nll.value / math.log(2.0)),
        "perplexity": number(math.exp(nll.value)) if nll.value < _LOG_MAX else None,
        **reason,
        "brier": {
            **estimate(brier),
            "reliability": number(reliability),
            "resolution": number(resolution),
            "uncertainty": number(uncertainty),
            "remainder": number(brier.value - (reliability - resolution + uncertainty)),
        },
        "top_k": [{"k": k, "accuracy": estimate(wilson(measured.ranks.within(k), n))} for k in ks],
        "macro_recall": estimate(_macro_recall(by_class)),
    }


def _macro_recall(by_class: ScoreSums) -> Estimate:
    """Return the mean recall of the classes that have rows.

    Its error adds up theirs, each recall shrunk by one row right and one wrong.
    """
    recalls = [by_class.accuracy(k) for k in range(len(by_class.weight)) if by_class.weight[k] > 0]
    if not recalls:
        return missing("no rows")
    shrunk = [(r.value * r.n + 1) / (r.n + 2) for r in recalls]
    error = math.sqrt(sum(p * (1 - p) / r.n for p, r in zip(shrunk, recalls, strict=True))) / len(recalls)
    result = normal(sum(r.value for r in recalls) / len(recalls), error, sum(r.n for r in recalls))
    return Estimate(result.value, max(result.low, 0.0), min(result.high, 1.0), result.n)


def _calibration(audit: Audit) -> Json:
    fit = audit.policy_fit
    method = name_of(audit.calibrators[-1])
    result = {"method": method, **_fit(fit, audit.certificates[-1])}
    result["calibrator"] = {
        "name": repr(audit.calibrators[-1]),
        "preserves": audit.calibrators[-1].preserves,
        "fit_rows": audit.calibrators[-1].rows_,
        "sampled": method != "temperature" and audit.sampled,
    }
    result["comparison"] = _comparison(audit)
    result["before"] = _reliability(audit.before.total, audit.options)
    result["after"] = _reliability(audit.after.total, audit.options)
    result["fits"] = [_fit(*pair) for pair in list(zip(audit.fits, audit.certificates, strict=True))[:-1]]
    return result


def _comparison(audit: Audit) -> Json:
    choice, asked = audit.choice, audit.options.calibrator
    if isinstance(choice, str):
        empty: Json = {"rows": 0, "folds": FOLDS, "sampled": False, "asked": asked}
        return {**empty, "uncalibrated": estimate(missing(choice)), "candidates": [], "reason": choice}
    return {
        "rows": choice.n,
        "folds": choice.folds,
        "sampled": audit.sampled or choice.n < sum(len(sample.keys) for sample in audit.samples),
        "asked": asked,
        "uncalibrated": estimate(choice.uncalibrated),
        "candidates": [
            {
                "name": each.name,
                "nll": estimate(each.nll),
                "change": estimate(each.change),
                "behind": estimate(each.behind),
                "preserves": each.calibrator.preserves,
                "chosen": type(each.calibrator) is type(audit.calibrators[-1]),
                **({} if each.reason is None else {"reason": each.reason}),
            }
            for each in choice.candidates
        ],
    }


def _fit(fit: TemperatureFit, certificate: TemperatureFit) -> Json:
    result: Json = {
        "temperature": None if fit.reason else number(fit.temperature),
        "standard_error": number(certificate.standard_error),
        "fit_rows": fit.rows,
        "gradient": number(certificate.gradient),
        "passes": fit.passes,
        "converged": fit.converged,
    }
    if fit.reason:
        result["reason"] = REASONS[fit.reason]
    return result


def _reliability(sums: ScoreSums, options: Options) -> Json:
    bins = sums.bins()
    error = bins.error(options.seed)
    filled = np.flatnonzero(bins.weight > 0)
    return {
        "ece": {
            **estimate(error.ece),
            "debiased": number(error.debiased),
            "null_95": number(error.null_95),
            "p_value": number(error.p_value),
            "n_bins": bins.n_bins,
        },
        "mce": number(error.mce),
        "mean_confidence": number(sums.mean_confidence()),
        "bins": [
            {
                "low": b / bins.n_bins,
                "high": (b + 1) / bins.n_bins,
                "n": number(bins.weight[b]),
                "confidence": number(bins.confidence[b] / bins.weight[b]),
                "accuracy": estimate(
                    wilson(
                        float(bins.correct[b] / bins.weight[b]),
                        effective_size(float(bins.weight[b]), float(bins.weight_squares[b])),
                    )
                ),
                "band_low": number(error.band_low[b]),
                "band_high": number(error.band_high[b]),
            }
            for b in filled
        ],
    }


def _per_class(audit: Audit, names: tuple[str, ...]) -> list[Json]:
    mean_probability = np.minimum(audit.after_histogram.prob_sums.sum(axis=1) / audit.score_weight.sum(), 1.0)
    losses = [audit.by_class.mean_nll(k, NO_ROW) for k in range(audit.n_classes)]
    return [
        {
            "index": k,
            "name": names[k],
            "n": int(audit.score_counts[k]),
            "predicted": number(audit.by_predicted.weight[k]),
            "recall": estimate(audit.by_class.accuracy(k, NO_ROW)),
            "precision": estimate(audit.by_predicted.accuracy(k, "no scored row is predicted as this class")),
            "mean_probability": number(mean_probability[k]),
            "nll": number(losses[k].value),
            **({} if math.isfinite(losses[k].value) else {"reason": losses[k].reason}),
        }
        for k in range(audit.n_classes)
    ]


def _confusion(audit: Audit) -> Json:
    if audit.confusion is None:
        return {"classes": [], "complete": False, "matrix": [], "pairs": []}
    table = audit.confusion.table
    wrong = table.copy()
    np.fill_diagonal(wrong, 0.0)
    complete = audit.n_classes <= _CONFUSION_SHOWN
    shown = np.arange(audit.n_classes)
    if not complete:
        errors = wrong.sum(axis=0) + wrong.sum(axis=1)
        shown = np.sort(np.argsort(-errors, kind="stable")[:_CONFUSION_SHOWN])
    order = np.argsort(-wrong, axis=None, kind="stable")[:_PAIRS]
    of_class = table.sum(axis=1)
    return {
        "classes": [int(k) for k in shown],
        "complete": complete,
        "matrix": [[number(value) for value in row] for row in table[np.ix_(shown, shown)]],
        "pairs": [
            {
                "true": int(true),
                "predicted": int(predicted),
                "count": number(wrong[true, predicted]),
                "share": number(wrong[true, predicted] / of_class[true]),
            }
            for true, predicted in zip(*np.unravel_index(order, wrong.shape), strict=True)
            if wrong[true, predicted] > 0
        ],
    }


def _worst_rows(audit: Audit) -> Json:
    return {
        "rows": [
            {
                "row": row.row,
                "label": row.label,
                "predicted": row.predicted,
                "confidence": number(row.confidence),
                "nll": number(row.nll),
                **({} if math.isfinite(row.nll) else {"reason": "the label has probability 0: the loss is infinite"}),
            }
            for row in audit.worst.sorted()
        ],
        "loss_share": [
            {"rows_share": short(rows), "loss_share": short(loss), "nll_at_least": short(least)}
            for rows, loss, least in audit.loss_share.curve()
        ],
    }


def _slices(audit: Audit) -> list[Json]:
    return [
        {
            "column": slicer.spec.column,
            "kind": slicer.kind,
            "sampled": slicer.sampled,
            "values": [
                {
                    "value": name,
                    "n": number(round(table.sums.size(code), 3)),
                    "accuracy": estimate(table.sums.accuracy(code)),
                    "nll": estimate(table.sums.mean_nll(code)),
                    "ece": estimate(table.sums.bins(code).error(audit.options.seed).ece),
                    "mean_confidence": number(table.sums.mean_confidence(code)),
                }
                for name, code in sorted(table.names.items(), key=lambda item: _slice_order(item[0]))
                if table.sums.weight[code] > 0
            ],
        }
        for slicer, table in zip(audit.slicers, audit.slice_tables, strict=True)
    ]


def _slice_order(name: str) -> tuple[int, float, str]:
    """Order slices as numbers where they begin with one, after them by name; what is missing comes last."""
    text = name.lstrip("[≥ ").split(",")[0]
    if name.startswith("< "):
        return 0, -math.inf, name
    try:
        start = float(text)
    except ValueError:
        start = math.nan
    return (2 if name == "(missing)" else 1, 0.0, name) if math.isnan(start) else (0, start, name)


def _unknowns(audit: Audit) -> Json | None:
    return None if audit.unknowns is None else unknowns_result(audit.unknowns)
