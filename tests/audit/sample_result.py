"""Results of an audit, made from simulated logits, for tests of whatever reads them (docs/reference/audit-result.md).

``sample(kind)`` is deterministic. Kinds: digits (10 classes, three slices), two (2 imbalanced classes, precision
goal, failed gate), hundred (100 classes, 30 with a curve), cross-fit, missing (classes without rows, no temperature),
one (1 class), hostile (names that try to break the page), weighted (rows with weights, other ones in each class),
structured (a calibrator chosen by comparison, recalls with a confidence, three classes without a proof, unknowns),
proven (two classes, beta calibration as asked, precisions with a confidence, all proven).
"""

from __future__ import annotations

import copy
import functools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

KINDS = ("digits", "two", "hundred", "cross-fit", "missing", "one", "hostile", "weighted", "structured", "proven")
_NAMES = {
    "temperature": "TemperatureScaling()",
    "structured": "StructuredScaling(form='matrix', intercept=None)",
    "beta": "BetaCalibration()",
}
_ORDER = "the order of the classes in every row, and so the accuracy"
_PRESERVES = {"temperature": _ORDER, "structured": "no order within a row, so the accuracy may change"}
_PRESERVES["beta"] = "the order of the rows by their probability of class 1"
HOSTILE = [
    "</script><img src=x onerror=alert(1)>",
    "<b>\"quoted\" & 'single'</b>",
    "snow ☃ and 🦊",
    "line\u2028and\u2029paragraph",
    "<!-- <script> -->",
    "{{data}} {{script}} \\1",
    "a_name_much_longer_than_any_label_should_be_without_a_single_space_to_break_it_at",
]


def sample(kind: str = "digits") -> dict[str, Any]:
    return copy.deepcopy(_sample(kind))


@functools.cache
def _sample(kind: str) -> dict[str, Any]:
    if kind == "one":
        return _result(kind, ["only"], [1.0], rows=60)
    if kind == "two":
        return _result(kind, ["healthy", "faulty"], [0.96, 0.04], rows=6000, target="precision", goal=0.9)
    if kind == "structured":
        prior = [1.6] * 7 + [0.5] * 3
        names = [str(i) for i in range(10)]
        return _result(kind, names, prior, rows=1797, goal=0.95, method=kind, asked="auto", confidence=0.95, bias=1.6)
    if kind == "proven":
        aim: dict[str, Any] = {"target": "precision", "goal": 0.9, "confidence": 0.95}
        return _result(kind, ["sound", "broken"], [0.7, 0.3], rows=6000, method="beta", asked="beta", bias=0.3, **aim)
    if kind == "hundred":
        names = [f"species {i:02d}" for i in range(100)]
        result = _result(kind, names, [1 / (i + 2) for i in range(100)], rows=9000, margin=4.5)
        recalls = [entry["recall"]["value"] for entry in result["thresholds"]["per_class"]]
        last = sorted(range(100), key=lambda c: 2.0 if recalls[c] is None else recalls[c])[30:]
        for c in last:
            result["thresholds"]["per_class"][c]["curve"] = []
        return result
    if kind == "weighted":
        return _weigh(_result(kind, ["cat", "dog", "bird", "elk"], [0.4, 0.3, 0.2, 0.1], rows=800, margin=4.0))
    if kind == "hostile":
        return _result(kind, HOSTILE, [1.0] * len(HOSTILE), rows=700)
    if kind == "missing":
        return _result(kind, ["cat", "dog", "never seen", "bird"], [0.5, 0.3, 0.0, 0.2], rows=60)
    return _result(kind, [str(i) for i in range(10)], [1.0] * 10, rows=1797)


def _weigh(result: dict[str, Any]) -> dict[str, Any]:
    """Give the rows of each class a weight of their own; the common ones weigh little, so that the order changes."""
    weight = np.array([0.111, 0.531, 1.07, 5.3])
    result["source"]["weight_column"] = "w"
    matrix = np.array(result["confusion"]["matrix"]) * weight[:, None]
    own, total = matrix.sum(axis=1), float(matrix.sum())
    result["confusion"]["matrix"] = matrix.tolist()
    for pair in result["confusion"]["pairs"]:
        pair["count"] = float(pair["count"] * weight[pair["true"]])
    for c, entry in enumerate(result["per_class"]):
        result["classes"][c]["share"] = float(own[c] / total)
        entry["predicted"] = float(matrix[:, c].sum())
    for when in ("before", "after"):
        for part in result["calibration"][when]["bins"]:
            part["n"] *= 0.873
    return result


def missing(reason: str) -> dict[str, Any]:
    return {"value": None, "low": None, "high": None, "n": 0, "reason": reason}


def _estimate(value: float, low: float, high: float, n: int) -> dict[str, Any]:
    return {"value": float(value), "low": float(low), "high": float(high), "n": int(n)}


def _wilson(hits: float, n: float, reason: str) -> dict[str, Any]:
    if n == 0:
        return missing(reason)
    z, p = 1.96, hits / n
    centre, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
    return _estimate(p, max(0.0, low), min(1.0, high), int(n))


def _mean(values: Floats) -> dict[str, Any]:
    half = 1.96 * float(values.std()) / math.sqrt(len(values))
    mean = float(values.mean())
    return _estimate(mean, max(0.0, mean - half), mean + half, len(values))


def _softmax(logits: Floats) -> Floats:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def _nll(p: Floats, y: Ints) -> Floats:
    return np.asarray(-np.log(np.maximum(p[np.arange(len(y)), y], 1e-300)))


def _bins(confidence: Floats, right: NDArray[np.bool_], rng: np.random.Generator) -> list[dict[str, Any]]:
    bins = []
    which = np.minimum((confidence * 15).astype(int), 14)
    for b in range(15):
        inside = which == b
        n = int(inside.sum())
        if n:
            mean = float(confidence[inside].mean())
            band = np.quantile(rng.binomial(n, min(mean, 1.0), 400) / n, [0.025, 0.975])
            bins.append(
                {"low": b / 15, "high": (b + 1) / 15, "n": n, "confidence": mean}
                | {"accuracy": _wilson(int(right[inside].sum()), n, "empty bin")}
                | {"band_low": float(band[0]), "band_high": float(band[1])}
            )
    return bins


def _ece(bins: list[dict[str, Any]], n: int) -> float:
    return float(sum(b["n"] * abs(b["confidence"] - b["accuracy"]["value"]) for b in bins) / n)


def _reliability(p: Floats, y: Ints, rng: np.random.Generator) -> dict[str, Any]:
    confidence, right, n = p.max(axis=1), p.argmax(axis=1) == y, len(y)
    bins = _bins(confidence, right, rng)
    draws = [rng.integers(0, n, n) for _ in range(60)]
    spread = [_ece(_bins(confidence[d], right[d], rng), n) for d in draws]
    low, high = np.quantile(spread, [0.025, 0.975])
    null = [_ece(_bins(confidence, rng.random(n) < confidence, rng), n) for _ in range(60)]
    value = _ece(bins, n)
    return {
        "ece": _estimate(value, low, high, n)
        | {"debiased": max(0.0, value - float(np.mean(null))), "null_95": float(np.quantile(null, 0.95))}
        | {"p_value": (1 + sum(v >= value for v in null)) / 61, "n_bins": 15},
        "mce": max(abs(b["confidence"] - b["accuracy"]["value"]) for b in bins),
        "mean_confidence": float(confidence.mean()),
        "bins": bins,
    }


def _scores(p: Floats, y: Ints, reliability: dict[str, Any]) -> dict[str, Any]:
    n, k = p.shape
    right, nll = p.argmax(axis=1) == y, _nll(p, y)
    rank = (p > p[np.arange(n), y][:, None]).sum(axis=1)
    squares = _mean(((p - np.eye(k)[y]) ** 2).sum(axis=1))
    brier = squares["value"]
    share = np.bincount(y, minlength=k) / n
    uncertainty = float((share * (1 - share)).sum())
    miss = sum(b["n"] * (b["confidence"] - b["accuracy"]["value"]) ** 2 for b in reliability["bins"]) / n
    resolution = max(0.0, uncertainty - brier + miss)
    recalls = [float(right[y == c].mean()) for c in range(k) if (y == c).any()]
    macro = float(np.mean(recalls))
    return {
        "accuracy": _wilson(int(right.sum()), n, "no row"),
        "nll": _mean(nll),
        "nll_bits": float(nll.mean()) / math.log(2),
        "perplexity": math.exp(float(nll.mean())),
        "brier": squares
        | {"reliability": float(miss), "resolution": resolution}
        | {"uncertainty": uncertainty, "remainder": brier - float(miss) + resolution - uncertainty},
        "top_k": [{"k": j, "accuracy": _wilson(int((rank < j).sum()), n, "no row")} for j in (1, 3, 5) if j <= k],
        "macro_recall": _estimate(macro, max(0.0, macro - 0.02), min(1.0, macro + 0.02), n),
    }


def _threshold(
    c: int, pf: Floats, yf: Ints, ps: Floats, ys: Ints, target: str, goal: float, confidence: float | None
) -> dict[str, Any]:
    positives = np.sort(pf[yf == c, c])
    grid = np.unique(np.quantile(ps[:, c], np.linspace(0, 1, 30)).round(4))
    threshold: float | None = None
    needed = None if confidence is None else math.ceil(math.log((1 - confidence) / pf.shape[1]) / math.log(goal))
    if needed is not None and target == "recall":
        threshold = float(positives[0]) if len(positives) >= needed else None  # of so many rows, none may be missed
    elif needed is not None:
        highest_wrong = float(pf[yf != c, c].max())
        if (positives > highest_wrong).sum() >= needed:
            threshold = float(positives[positives > highest_wrong][0])
    elif len(positives) and target == "recall":
        threshold = float(positives[int((1 - goal) * len(positives))])
    elif len(positives):
        reached = [t for t in grid if (pf[:, c] >= t).any() and (yf[pf[:, c] >= t] == c).mean() >= goal]
        threshold = float(reached[0]) if reached else None

    def at(t: float) -> tuple[dict[str, Any], dict[str, Any], float]:
        flagged, true = ps[:, c] >= t, ys == c
        both = int((flagged & true).sum())
        recall = _wilson(both, int(true.sum()), "no scored row of this class")
        return recall, _wilson(both, int(flagged.sum()), "no row reaches the threshold"), float(flagged.mean())

    points = [(t, *at(t)) for t in grid]
    entry: dict[str, Any] = {"index": c, "name": "", "threshold": threshold, "fit_positives": len(positives)}
    entry["needed_positives"] = math.ceil(math.log(0.05) / math.log(goal)) if target == "recall" else None
    entry |= {"needed": needed, "proven": None if needed is None else threshold is not None}
    if threshold is None:
        why = f"no threshold reaches {target} {goal} on the fit rows" if len(positives) else "no fit row of this class"
        if needed is not None and target == "recall":
            why = f"{len(positives)} rows are too few to prove a {target} of {goal}: {needed} are needed"
        entry |= {"reason": why, "recall": missing("no threshold"), "precision": missing("no threshold")}
        entry["flagged_share"] = None
    else:
        entry["recall"], entry["precision"], entry["flagged_share"] = at(threshold)
    entry["curve"] = [
        {"threshold": float(t), "recall": r["value"], "precision": q["value"], "flagged_share": f}
        for t, r, q, f in points
    ]
    return entry


def _slice(column: str, kind: str, labels: list[str], p: Floats, y: Ints, rng: np.random.Generator) -> dict[str, Any]:
    which = rng.integers(0, len(labels), len(y))
    which[: len(y) // 2] = 0
    values = []
    for i, label in enumerate(labels):
        pi, yi = p[which == i], y[which == i]
        r = _reliability(pi, yi, rng)
        ece = {key: r["ece"][key] for key in ("value", "low", "high", "n")}
        accuracy = _wilson(int((pi.argmax(axis=1) == yi).sum()), len(yi), "no row")
        values.append(
            {"value": label, "n": len(yi), "accuracy": accuracy, "nll": _mean(_nll(pi, yi)), "ece": ece}
            | {"mean_confidence": r["mean_confidence"]}
        )
    return {"column": column, "kind": kind, "sampled": kind == "quantiles", "values": values}


_ASSUMPTIONS = "New rows are drawn from the same law as those that chose the thresholds, independently of one another."


def _difference(losses: Floats) -> dict[str, Any]:
    """Return the mean of differences with its interval: unlike a loss, it may lie below 0."""
    mean, half = float(losses.mean()), 1.96 * float(losses.std()) / math.sqrt(len(losses))
    return _estimate(mean, mean - half, mean + half, len(losses))


def _candidates(z: Floats, y: Ints, scale: float, shift: Floats, method: str) -> list[dict[str, Any]]:
    plain, losses = _nll(_softmax(z), y), {}
    losses["TemperatureScaling()"] = _nll(_softmax(z / scale), y)
    losses["EnsembleTemperature()"] = _nll(0.98 * _softmax(z / scale) + 0.02 * _softmax(z), y)
    losses[_NAMES["beta"] if method == "beta" else _NAMES["structured"]] = _nll(_softmax((z - shift) / scale), y)
    kept = {name: _PRESERVES[key] for key, name in _NAMES.items()}
    order = sorted(losses, key=lambda name: float(losses[name].mean()))
    listed = [
        {"name": name, "nll": _mean(losses[name]), "change": _difference(losses[name] - plain)}
        | {"behind": _difference(losses[name] - losses[order[0]]), "preserves": kept.get(name, _ORDER)}
        | {"chosen": name == _NAMES[method]}
        for name in order
    ]
    reason = "it wants a row of each class in every fold; got 4 of class 2"
    refused = {key: missing(reason) for key in ("nll", "change", "behind")}
    return [
        *listed,
        {
            "name": "VectorScaling()",
            **refused,
            "preserves": _PRESERVES["structured"],
            "chosen": False,
            "reason": reason,
        },
    ]


def _auroc(known: Floats, unknown: Floats) -> float:
    return float((known[:, None] > unknown[None]).mean() + (known[:, None] == unknown[None]).mean() / 2)


def _average_precision(hits: Floats, others: Floats) -> float:
    """Return the mean precision over the hits; the higher a value, the earlier it is taken."""
    taken = np.argsort(-np.concatenate([hits, others]), kind="stable")
    hit = taken < len(hits)
    return float((hit.cumsum() / np.arange(1, len(hit) + 1))[hit].mean())


def _unknowns(known_z: Floats, rng: np.random.Generator) -> dict[str, Any]:
    n, k = 640, known_z.shape[1]
    z = rng.normal(0, 3.6, (n, k)) + 1.5 * rng.random((n, 1))

    def energy(logits: Floats) -> Floats:
        return np.asarray(np.log(np.exp(logits).sum(axis=1)))

    def log_odds(logits: Floats) -> Floats:
        top = _softmax(logits).max(axis=1)
        return np.asarray(np.log(top) - np.log1p(-np.minimum(top, 1 - 1e-15)))

    def entropy(logits: Floats) -> Floats:
        p = np.maximum(_softmax(logits), 1e-300)
        return np.asarray((p * np.log(p)).sum(axis=1))

    scores = []
    for score in (energy, log_odds, entropy):
        known, unknown = score(known_z), score(z)
        cut = float(np.quantile(known, 0.05))
        auroc = _auroc(known, unknown)
        scores.append(
            {"name": score.__name__, "auroc": _estimate(auroc, auroc - 0.01, min(1.0, auroc + 0.01), n)}
            | {"aupr_in": _average_precision(known, unknown), "aupr_out": _average_precision(-unknown, -known)}
            | {"fpr": _wilson(int((unknown >= cut).sum()), n, "no row"), "threshold": cut}
            | {"tpr": _wilson(int((known >= cut).sum()), len(known), "no row")}
        )
    both = np.concatenate([energy(known_z), energy(z)])
    edges = np.linspace(both.min(), both.max(), 31)
    known, unknown = (np.histogram(energy(logits), edges)[0] / len(logits) for logits in (known_z, z))
    source = {"name": "letters.npz", "format": "npz", "bytes": 52_992, "sha256": "60303ae22b998861" * 4, "rows": n + 3}
    sentence = f"{n} rows of letters.npz beside the {len(known_z)} scored rows; higher means more like the known rows."
    return {
        "source": source,
        "rows": n,
        "invalid_rows": 3,
        "known_rows": len(known_z),
        "scores": sorted(scores, key=lambda s: -s["auroc"]["value"]),
        "tpr_goal": 0.95,
        "histogram": {
            "score": "energy",
            "edges": edges.tolist(),
            "known": known.tolist(),
            "unknown": unknown.tolist(),
        },
        "sentence": sentence,
    }


def _finding(code: str, severity: str, title: str, seen: str, why: str, do: str, **where: list[int]) -> dict[str, Any]:
    words = {"code": code, "severity": severity, "title": title, "seen": seen, "why": why, "do": do}
    return words | {"rows": where.get("rows", []), "classes": where.get("classes", [])}


def _result(
    kind: str,
    names: list[str],
    prior: list[float],
    *,
    rows: int,
    margin: float = 5.2,
    target: str = "recall",
    goal: float = 0.99,
    method: str = "temperature",
    asked: str = "temperature",
    confidence: float | None = None,
    bias: float = 0.0,
) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    k = len(names)
    share = np.array(prior) / sum(prior)
    y = rng.choice(k, rows, p=share)
    z = rng.normal(0, 1.55, (rows, k))
    z[np.arange(rows), y] += margin
    z[np.arange(rows), (y * 3 + 1) % k] += 1.4 * (y % 2)
    z *= 1.6 * margin / 1.55**2
    shift = bias * np.arange(k) / k  # what a calibrator of more than one number takes off
    z += shift
    half = rows // 2
    zf, yf, zs, ys = z[:half], y[:half], z[half:], y[half:]
    temperature = min(np.linspace(0.5, 4, 141), key=lambda t: float(_nll(_softmax(zf / t), yf).mean()))
    unfit = kind in ("one", "missing")
    scale = 1.0 if unfit else float(temperature)
    off_by = shift if method != "temperature" else np.zeros(k)
    before, after, fit = _softmax(zs), _softmax((zs - off_by) / scale), _softmax((zf - off_by) / scale)
    n, predicted = len(ys), after.argmax(axis=1)
    fit_share = np.maximum(np.bincount(yf, minlength=k) / len(yf), 1e-6)
    rel_before, rel_after = _reliability(before, ys, rng), _reliability(after, ys, rng)
    nll = _nll(after, ys)
    order = np.argsort(-nll)
    full = np.zeros((k, k), dtype=int)
    np.add.at(full, (ys, predicted), 1)
    errors = full.sum(0) + full.sum(1) - 2 * np.diag(full)
    shown = sorted(np.argsort(-errors, kind="stable")[:40].tolist())
    off = [(int(full[i, j]), i, j) for i in range(k) for j in range(k) if i != j and full[i, j]]
    thresholds = [_threshold(c, fit, yf, after, ys, target, goal, confidence) | {"name": names[c]} for c in range(k)]
    cut = np.array([2.0 if t["threshold"] is None else t["threshold"] for t in thresholds])
    chosen = (after >= cut).sum(axis=1)
    single = chosen == 1
    right_single = int(((after >= cut).argmax(axis=1)[single] == ys[single]).sum())
    calibration: dict[str, Any] = {"method": method, "temperature": scale, "standard_error": 0.046}
    calibration |= {"fit_rows": half, "gradient": -3.1e-11, "passes": 6, "converged": True}
    if unfit:
        calibration |= {"temperature": None, "standard_error": None, "gradient": None, "converged": False}
        calibration["reason"] = "every fit row is right by a margin, so the loss falls without end as T goes to 0"
    fits = [
        {"temperature": scale + d, "standard_error": 0.06, "fit_rows": half, "gradient": 1e-10, "passes": 6}
        | {"converged": True}
        for d in (-0.04, 0.05)
    ]
    calibration |= {"before": rel_before, "after": rel_after, "fits": fits if kind == "cross-fit" else []}
    sampled = kind == "structured"
    calibration["calibrator"] = {"name": _NAMES[method], "preserves": _PRESERVES[method]}
    calibration["calibrator"] |= {"fit_rows": half, "sampled": sampled}
    comparison = {"rows": half, "folds": 5, "sampled": sampled, "asked": asked}
    comparison |= {"uncalibrated": _mean(_nll(_softmax(zf), yf))}
    comparison |= {"candidates": _candidates(zf, yf, scale, shift, method)}
    if kind in ("one", "missing"):
        comparison |= {"candidates": [], "reason": f"{half} rows are too few for 5 folds"}
    calibration["comparison"] = comparison
    unknowns = _unknowns(zs, rng) if kind == "structured" else None
    slices = []
    if kind == "digits":
        slices = [
            _slice("scanner", "values", ["A2", "B1", "C7"], after, ys, rng),
            _slice("stroke width", "quantiles", ["[0.1, 1.4)", "[1.4, 2.2)", "[2.2, 9]"], after, ys, rng),
            _slice("night", "values", ["day", "night"], after, ys, rng),
        ]
        slices[2]["values"][1] |= {name: missing("no row with a night label") for name in ("accuracy", "nll", "ece")}
        slices[2]["values"][1] |= {"n": 0, "mean_confidence": None, "reason": "no row with a night label"}
    findings = [
        _finding(
            "XA301", "error", "Too few positives to promise the recall goal",
            f"{sum(len(yf[yf == c]) < 299 for c in range(k))} of {k} classes chose a threshold from under 299 rows.",
            "With fewer rows a threshold that catches all of them may still miss more than 1 % of new ones.",
            "Collect more rows of these classes, or lower the recall goal to what the rows can carry.",
            classes=list(range(min(k, 12))),
        ),
        _finding(
            "XA201", "warning", "Overconfident before calibration",
            f"Mean confidence {rel_before['mean_confidence']:.3f}, ECE {rel_before['ece']['value']:.3f}.",
            "A decision that trusts these probabilities takes more risk than it believes.",
            f"Divide the logits by T = {scale:.2f}, or train with less weight on the last bit of loss.",
        ),
        _finding(
            "XA401", "warning", "A few rows own most of the loss",
            f"Row {half + int(order[0])} alone costs {nll[order[0]]:.2f} nats; it is labelled {names[ys[order[0]]]}.",
            "Such rows are often mislabelled; they also steer training.",
            "Look at the rows listed under “Most confidently wrong rows”.",
            rows=[half + int(i) for i in order[:12]],
        ),
        _finding(
            "XA105", "info", "Duplicate rows", "14 rows occur more than once.",
            "Copies on both sides of a split make the scores look better than they are.", "Split by group, not by row.",
        ),
    ]  # fmt: skip
    findings = [] if kind == "one" else findings[1:] if target == "precision" else findings
    gate = {
        "conditions": [
            {"condition": "ece <= 0.05", "passed": True, "value": rel_after["ece"]["value"]},
            {"condition": "accuracy >= 0.999", "passed": False, "value": float((predicted == ys).mean())},
        ],
        "passed": False,
    }
    loss = nll[order].cumsum() / max(float(nll.sum()), 1e-300)
    steps = sorted({max(1, round(q * n)) for q in (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)})
    per_class = []
    for c in range(k):
        true, hit = int((ys == c).sum()), int(full[c, c])
        taken = int((predicted == c).sum())
        entry: dict[str, Any] = {"index": c, "name": names[c], "n": true, "predicted": taken}
        entry["recall"] = _wilson(hit, true, "no scored row of this class")
        entry["precision"] = _wilson(hit, taken, "no row predicted as this class")
        entry |= {"mean_probability": float(after[:, c].mean()), "nll": float(nll[ys == c].mean()) if true else None}
        per_class.append(entry if true else entry | {"reason": "no scored row of this class"})
    mode = "cross-fit" if kind == "cross-fit" else "split"
    sentence = f"{half:,} rows chose temperature and thresholds; the other {n:,}, unseen by both, gave every score."
    if mode == "cross-fit":
        sentence = "Each half was scored with the temperature and thresholds chosen on the other, so every row counts."
    return {
        "schema": "xent.audit/1",
        "xent_version": "0.1.0",
        "created": "2025-03-14T09:26:53Z",
        "source": {"name": f"{kind}.parquet", "format": "parquet", "bytes": 104_233, "sha256": "9f86d081884c7d65" * 4}
        | {"rows": rows + 5, "kind": "logits", "dtype": "float32", "label_column": "label"}
        | {"logit_columns": "logit_0 … logit_9", "weight_column": None, "split_column": None, "ignore_index": -100},
        "design": {"mode": mode, "fit_rows": half, "score_rows": n, "ignored_rows": 3, "invalid_rows": 2, "seed": 0}
        | {"sentence": sentence},
        "classes": [
            {"index": c, "name": names[c], "fit_rows": int((yf == c).sum()), "score_rows": int((ys == c).sum())}
            | {"share": float((ys == c).mean())}
            for c in range(k)
        ],
        "checks": [
            {"name": "finite logits", "status": "warning", "detail": "2 rows are not finite; they are left out."},
            {"name": "logits, not probabilities", "status": "ok", "detail": "Rows do not sum to 1; some are negative."},
            {"name": "labels in range", "status": "ok", "detail": f"All labels lie in [0, {k}) or are −100."},
            {"name": "classes present", "status": "info", "detail": f"{len(set(y.tolist()))} of {k} have rows."},
        ],
        "scores": {
            "baseline": {"nll": float(-np.log(fit_share[ys]).mean())}
            | {"accuracy": float((ys == fit_share.argmax()).mean())}
            | {"brier": float(((fit_share - np.eye(k)[ys]) ** 2).sum(axis=1).mean())},
            "before": _scores(before, ys, rel_before),
            "after": _scores(after, ys, rel_after),
        },
        "calibration": calibration,
        "per_class": per_class,
        "confusion": {
            "classes": shown,
            "complete": len(shown) == k,
            "matrix": full[np.ix_(shown, shown)].tolist(),
            "pairs": [
                {"true": i, "predicted": j, "count": m, "share": m / int(full[i].sum())}
                for m, i, j in sorted(off, key=lambda t: (-t[0], t[1], t[2]))[:20]
            ],
        },
        "worst_rows": {
            "rows": [
                {"row": half + int(i), "label": int(ys[i]), "predicted": int(predicted[i])}
                | {"confidence": float(after[i].max()), "nll": float(nll[i])}
                for i in order
                if predicted[i] != ys[i]
            ][:20],
            "loss_share": [
                {"rows_share": m / n, "loss_share": float(loss[m - 1]), "nll_at_least": float(nll[order[m - 1]])}
                for m in steps
            ],
        },
        "thresholds": {
            "target": target,
            "goal": goal,
            "confidence": confidence,
            "assumptions": None if confidence is None else _ASSUMPTIONS,
            "per_class": thresholds,
            "decision": {
                "one": float(single.mean()),
                "several": float((chosen > 1).mean()),
                "none": float((chosen == 0).mean()),
                "accuracy_when_one": _wilson(right_single, int(single.sum()), "no row with exactly one class"),
                "argmax_accuracy": _wilson(int((predicted == ys).sum()), n, "no row"),
            },
        },
        "slices": slices,
        "unknowns": unknowns,
        "findings": findings,
        "review": [
            {"question": question, "answer": answer, "from": origin}
            for question, answer, origin in [
                ("Were the scored rows kept from training?", "Not known from the file.", "not answerable"),
                ("Are the probabilities calibrated?", "After temperature scaling, within chance.", "data"),
                ("Is every group served?", "Only the groups given as slices were looked at.", "partly"),
            ]
        ],
        "gate": gate if kind == "two" else None,
        "files": {"report": "report.html", "policy": "policy.json" if target == "recall" else None},
        "definitions": [
            {"term": "NLL", "meaning": "mean of −log p(true class), in nats; the proper score that training minimises"},
            {"term": "ECE", "meaning": "mean gap between confidence and accuracy over bins, weighted by their rows"},
            {"term": "95 % interval", "meaning": "Wilson for shares; bootstrap over rows for ECE; normal for means"},
        ],
        "provenance": {
            "versions": {"xent": "0.1.0", "numpy": "2.4.6", "python": "3.11.7"},
            "kernels": "native v4",
            "flags": {"--label": "label", "--goal": goal, "--slice": ["scanner", "night"], "--weight": None},
            "seconds": 0.412,
            "platform": "Linux x86_64",
        },
    }
