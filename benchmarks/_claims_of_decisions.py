"""Claims of agreement: conformal sets, separation of in- and out-of-distribution rows, thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import _truth
import numpy as np
from _claims import Array, Cases, claim, drawn, networks, scores, sigmoid
from calibration import softmax

from xent.decisions import ConformalClassifier, _conformity, ood, threshold_at

# --- conformal sets ---------------------------------------------------------------------------------------------------


class Given:
    """A fitted classifier, in the eyes of MAPIE, whose features are its probabilities."""

    def __init__(self, n_classes: int) -> None:
        self.classes_, self.n_features_in_ = np.arange(n_classes), n_classes

    def fit(self, x: Array, y: Array) -> Given:
        return self

    def predict(self, x: Array) -> Array:
        return x.argmax(axis=1)

    def predict_proba(self, x: Array) -> Array:
        return x

    def __sklearn_is_fitted__(self) -> bool:
        return True


def calibrations() -> Cases:
    """Yield (probabilities, labels, new probabilities)."""
    for seed, n_classes in enumerate((5, 12)):
        y, z = drawn(800, n_classes, seed)
        p = softmax(z)
        yield p[:500], y[:500], p[500:]


def mapie(score: str, coverage: float, p: Array, y: Array, new: Array) -> Array:
    from mapie.classification import SplitConformalClassifier

    options = {"confidence_level": coverage, "conformity_score": score, "prefit": True, "random_state": 4}
    theirs = SplitConformalClassifier(Given(p.shape[1]), **options)
    return theirs.conformalize(p, y).predict_set(new)[1][:, :, 0]


@claim("LAC sets", "MAPIE")
def _() -> Cases:
    for p, y, new in calibrations():
        for coverage in (0.8, 0.9, 0.95):
            ours = ConformalClassifier("lac", coverage=coverage).fit(p, y)
            yield ours.predict_set(new), mapie("lac", coverage, p, y, new)
    for y, p in networks():
        p = p / p.sum(axis=1, keepdims=True)
        ours = ConformalClassifier("lac", coverage=0.95).fit(p[:5000], y[:5000])
        yield ours.predict_set(p[5000:]), mapie("lac", 0.95, p[:5000], y[:5000], p[5000:])


@claim(
    "APS sets, not randomised",
    "MAPIE",
    "other definition",
    "its scores are randomised and its sets hold the class that crosses their quantile, more than was asked for: "
    "{k : mass before k < q}",
)
def _() -> Cases:
    for p, y, new in calibrations():
        for coverage in (0.8, 0.9, 0.95):
            ours = ConformalClassifier("aps", coverage=coverage).fit(p, y).predict_set(new)
            u = np.random.RandomState(4).uniform(size=len(p))
            yield ours, mapie("aps", coverage, p, y, new), _truth.crossing_sets(p, y, u, new, coverage)


def randomised(penalty: float | None) -> Iterator[tuple[tuple[Any, Any], tuple[Any, Any, Any]]]:
    """Yield cases of the quantile and of the sets, with MAPIE's uniform numbers in the place of ours.

    The truth of a set is its definition: the classes whose score, MAPIE's own of calibration, is within the quantile.
    MAPIE's RAPS would choose penalty and k_reg by rows of its own: its parts are put together.
    """
    from mapie.conformity_scores import sets
    from mapie.utils import _compute_classification_quantile as quantile

    options: dict[str, Any] = {} if penalty is None else {"penalty": penalty, "k_reg": 1}
    for p, y, new in calibrations():
        u = {len(rows): np.random.RandomState(4).uniform(size=len(rows)) for rows in (p, new)}
        score = sets.APSConformityScore() if penalty is None else sets.RAPSConformityScore()
        score.random_state, score.k_star, score.lambda_star = 4, np.array([1]), penalty

        def conformity(rows: Array, label: Array, score: Any = score, u: dict[int, Array] = u) -> Array:
            mass, place = score.get_true_label_cumsum_proba(label, rows, np.arange(rows.shape[1]))
            mass = mass - u[len(rows)][:, None] * rows[np.arange(len(rows)), label][:, None]
            return mass if penalty is None else score._regularize_conformity_score(score.k_star, penalty, mass, place)

        found = conformity(p, y)
        each = [conformity(new, np.full(len(new), k)).reshape(-1) for k in range(p.shape[1])]
        for coverage in (0.8, 0.9, 0.95):
            alpha = np.array([1 - coverage])
            score.quantiles_ = quantile(found, alpha)
            with mock.patch.object(_conformity, "uniform", lambda rows, seed, u=u: u[len(rows)]):
                method = "aps" if penalty is None else "raps"
                ours = ConformalClassifier(method, coverage=coverage, randomized=True, **options).fit(p, y)
                our_sets = ours.predict_set(new)
            last = {"include_last_label": "randomized"}
            theirs = score.get_prediction_sets(new[:, :, None], found, alpha, "prefit", **last)[:, :, 0]
            definition = np.stack(each, axis=1) <= score.quantiles_[0] + 1e-12
            yield (1 - ours.threshold_, score.quantiles_[0]), (our_sets, theirs, definition)


@claim("APS quantiles and sets, randomised", "MAPIE")
def _() -> Cases:
    for quantiles, (ours, theirs, _definition) in randomised(None):
        yield quantiles
        yield ours, theirs


@claim("RAPS quantiles, randomised", "MAPIE")
def _() -> Cases:
    for quantiles, _sets in randomised(0.1):
        yield quantiles


@claim(
    "RAPS sets, randomised",
    "MAPIE",
    "ours is right",
    "it drops a last class where u < excess / (p - λ (rank - k_reg - 1)) and not, as its calibration scores do, where "
    "u < excess / p; the truth is {k : such a score of k ≤ quantile}",
)
def _() -> Cases:
    for _quantiles, sets in randomised(0.02):
        yield sets


# --- separation and thresholds ----------------------------------------------------------------------------------------


def two_groups() -> Cases:
    """Yield scores of rows of the kind known and of others: with and without ties, and those of the networks."""
    for seed, digits in ((0, 12), (1, 1), (2, 0)):
        random = np.random.default_rng(seed)
        yield np.round(random.normal(1, 1, 500), digits), np.round(random.normal(0, 1, 300), digits)
    for y, p in networks():
        confidence, right = p.max(axis=1), p.argmax(axis=1) == y
        yield confidence[right], confidence[~right]


@claim("AUROC, AUPR both ways, FPR at 95 % TPR", "scikit-learn")
def _() -> Cases:
    from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve

    for inside, outside in two_groups():
        score, known = np.concatenate([inside, outside]), np.repeat([1, 0], [len(inside), len(outside)])
        found = ood.evaluate(inside, outside)
        fpr, tpr, thresholds = roc_curve(known, score, drop_intermediate=False)
        first = int((tpr >= 0.95).argmax())
        parts = [getattr(found, name) for name in ("aupr_in", "aupr_out")]
        yield (
            (found.auroc.value, *parts, found.fpr.value, found.threshold),
            (
                roc_auc_score(known, score),
                average_precision_score(known, score),
                average_precision_score(1 - known, -score),
                fpr[first],
                thresholds[first],
            ),
        )


@claim(
    "AUROC, average precision",
    "torchmetrics",
    "less exact",
    "it counts and divides in float32; the truth is in fractions",
    peer_tolerance=1e-6,
)
def _() -> Cases:
    import torch
    from torchmetrics.functional.classification import binary_auroc, binary_average_precision

    for seed, digits in ((0, 12), (1, 1)):
        y, m = scores(seed)
        p = np.round(sigmoid(m), digits)
        found = ood.evaluate(p[y == 1], p[y == 0])
        rows = torch.tensor(p), torch.tensor(y)
        theirs = float(binary_auroc(*rows)), float(binary_average_precision(*rows))
        yield (found.auroc.value, found.aupr_in), theirs, _truth.separation(p[y == 1], p[y == 0])


def ranked() -> Cases:
    """Yield labels and scores, with and without ties."""
    for seed, digits in ((0, 12), (1, 1), (2, 0)):
        y, m = scores(seed)
        yield y, np.round(m, digits)
    for y, p in networks():
        yield (p.argmax(axis=1) == y).astype(int), p.max(axis=1)


@claim("recall and precision at the thresholds of a recall, a precision, an F", "scikit-learn")
def _() -> Cases:
    from sklearn.metrics import precision_recall_curve

    for y, score in ranked():
        precision, recall, _thresholds = precision_recall_curve(y, score)
        precision, recall = precision[:-1], recall[:-1]  # of the thresholds, ascending
        with np.errstate(invalid="ignore"):
            f = np.nan_to_num(2 * precision * recall / (precision + recall))
        for least in (0.5, 0.9, 0.99, 1.0):
            highest, point = np.flatnonzero(recall >= least)[-1], threshold_at(y, score, recall=least)
            yield measured(point), (recall[highest], precision[highest])
        for least in (0.6, 0.8, 0.9):
            enough = np.flatnonzero(precision >= least)
            point = threshold_at(y, score, precision=least)
            if len(enough):
                yield measured(point), (recall[enough[0]], precision[enough[0]])
        yield threshold_at(y, score, f_beta=1.0).achieved.value, f.max()


@claim("recall at the threshold of a false-positive rate", "scikit-learn")
def _() -> Cases:
    from sklearn.metrics import roc_curve

    for y, score in ranked():
        fpr, tpr, _thresholds = roc_curve(y, score, drop_intermediate=False)
        for most in (0.01, 0.1, 0.5):
            last = np.flatnonzero(fpr <= most)[-1]
            found = threshold_at(y, score, fpr=most).measured
            yield (found["recall"].value, found["fpr"].value), (tpr[last], fpr[last])


def measured(point: Any) -> tuple[float, float]:
    return point.measured["recall"].value, point.measured["precision"].value
