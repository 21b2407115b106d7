"""The thresholds of an audit: what was chosen, what it does on rows that did not choose it, what is promised."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from xent._estimates import effective_size, missing, wilson
from xent.audit.engine import Audit
from xent.audit.numbers import Json, estimate, number, short, short_odds
from xent.decisions.thresholds import OddsHistogram, needed_positives

Float64 = NDArray[np.float64]

#: Of more classes only those with the lowest recall get a curve: a report is read, and it has a size.
_CURVES = 30
_CURVE_POINTS = 40
NO_ROW = "no scored row is of this class"

_ASSUMPTIONS = (
    "New rows are draws of the same law as the rows that chose (the same population, labelled in the same way), "
    "independent of them; nothing else is supposed of the scores. The chance is over the draw of the rows that chose."
)


def thresholds_result(audit: Audit, names: tuple[str, ...]) -> Json:
    """Return the object ``thresholds`` of docs/reference/audit-result.md."""
    goal = audit.options.goal
    shares = [number(value) for value in audit.flag_counts / audit.flag_counts.sum()]
    with_curve = set(np.argsort(_recalls(audit), kind="stable")[:_CURVES].tolist())
    return {
        "target": goal.kind,
        "goal": goal.value,
        "confidence": goal.confidence,
        "assumptions": None if goal.confidence is None else _ASSUMPTIONS,
        "per_class": [_threshold(audit, k, names[k], k in with_curve) for k in range(audit.n_classes)],
        "decision": {
            "none": shares[0],
            "one": shares[1],
            "several": shares[2],
            "accuracy_when_one": estimate(audit.unique.accuracy(0, "no row has exactly one class flagged")),
            "argmax_accuracy": estimate(audit.after.total.accuracy()),
        },
    }


def _recalls(audit: Audit) -> Float64:
    """Return the recall of each class at the thresholds chosen, 2 where it has none: these come last."""
    own = audit.own.sum(axis=0)
    return np.where(own > 0, audit.flagged_own.sum(axis=0) / np.where(own > 0, own, 1.0), 2.0)


def _threshold(audit: Audit, k: int, name: str, curve: bool) -> Json:
    """Return a class's threshold in the policy, and what thresholds so chosen do on rows that did not choose them."""
    goal = audit.options.goal
    chosen = number(audit.thresholds[-1][k])
    judged = _judged(audit, k)
    flagged, found = float(audit.flagged[judged, k].sum()), float(audit.flagged_own[judged, k].sum())
    own, every = float(audit.own[judged, k].sum()), float(audit.own[judged].sum())
    recall, precision = missing(NO_ROW), missing("no scored row reaches the threshold")
    if own > 0:
        recall = wilson(found / own, audit.by_class.size(k) if judged.all() else own)
    if flagged > 0:
        precision = wilson(found / flagged, effective_size(flagged, float(audit.flagged_squares[judged, k].sum())))
    if not judged.any():
        recall = precision = missing("no threshold was proven on rows other than those that are scored")
    positives = effective_size(float(audit.fit_weight[k]), float(audit.fit_weight_squares[k]))
    if goal.confidence is not None:
        positives = float(audit.choosing_positives[k])  # there are no weights
    result: Json = {
        "index": k,
        "name": name,
        "threshold": chosen,
        "fit_positives": number(round(positives, 3)),
        "needed_positives": needed_positives(goal.value) if goal.kind == "recall" else None,
        "needed": audit.choices[k].needed,
        "proven": None if goal.confidence is None else chosen is not None,
        "recall": estimate(recall),
        "precision": estimate(precision),
        "flagged_share": number(min(flagged / every, 1.0)) if every > 0 else None,
        "curve": _curve(audit.after_histogram, k) if curve else [],
    }
    if chosen is None:
        result["reason"] = audit.choices[k].reason
    elif not judged.any():
        result["reason"] = recall.reason
    return result


def _judged(audit: Audit, k: int) -> NDArray[np.bool_]:
    """Say which fits' thresholds are judged on rows that did not choose them: with a promise, those that were proven.

    Without one a class that no threshold serves is never flagged, which is its recall: all count.
    """
    fits = audit.own.shape[0]
    if audit.options.goal.confidence is None:
        return np.ones(fits, dtype=np.bool_)
    return ~np.isnan([audit.thresholds[number][k] for number in range(fits)])


def _curve(histogram: OddsHistogram, k: int) -> list[Json]:
    """Return recall and precision along the thresholds where something changes.

    They are at most so many, evenly spread in recall and in flags.
    """
    flagged, found = histogram.at_or_above(k)
    if not flagged[0] > 0:
        return []
    changes = np.flatnonzero(np.diff(flagged, append=0.0) != 0)
    if len(changes) > _CURVE_POINTS:
        # Even steps of recall and of log flagged share, so that both ends of the curve are drawn.
        path = np.cumsum(
            np.abs(np.diff(found[changes] / max(found[0], 1e-300), prepend=0.0))
            + np.abs(np.diff(np.log(flagged[changes]), prepend=0.0)) / math.log(flagged[0] + 1.0)
        )
        steps = np.searchsorted(path, np.linspace(path[0], path[-1], _CURVE_POINTS))
        changes = changes[np.unique(steps.clip(0, len(changes) - 1))]
    return [
        {
            "threshold": short_odds(float(histogram.edges[i])),
            "recall": short(found[i] / found[0]) if found[0] > 0 else None,
            "precision": short(found[i] / flagged[i]),
            "flagged_share": short(flagged[i] / flagged[0]),
        }
        for i in changes
    ]
