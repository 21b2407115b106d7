"""Claims of agreement: calibration errors, scores and their parts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any
from unittest import mock

import _truth
import numpy as np
from _claims import Array, Cases, all_tables, claim, drawn, networks, scores, sigmoid, stated, tables
from calibration import softmax

from xent import cross_entropy
from xent.calibration import CalibrationError, calibration_error, corp, ece, from_probs, mce, smooth_ece
from xent.information import brier_score

# --- calibration errors -----------------------------------------------------------------------------------------------


def torch_error(y: Array, p: Array, n_bins: int, norm: str) -> float:
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    return float(binary_calibration_error(torch.tensor(p), torch.tensor(y).int(), n_bins=n_bins, norm=norm))


def our_errors(y: Array, p: Array, n_bins: int) -> tuple[float, float, float]:
    options = {"n_bins": n_bins, "kind": "binary"}
    return ece(y, p, **options), ece(y, p, norm="l2", **options), mce(y, p, **options)


@claim("ECE by width, L1 and L2, MCE; binary", "torchmetrics")
def _() -> Cases:
    for y, p in tables():
        for each in stated(y, p):
            for n_bins in (1, 10, 15):
                yield our_errors(*each, n_bins), [torch_error(*each, n_bins, norm) for norm in ("l1", "l2", "max")]


@claim("ECE by width, top-label and classwise", "torchmetrics")
def _() -> Cases:
    for y, p in tables():
        yield ece(y, p), torch_error(p.argmax(axis=1) == y, p.max(axis=1), 15, "l1")
        by_class = [torch_error(y == k, np.ascontiguousarray(p[:, k]), 15, "l1") for k in range(p.shape[1])]
        yield ece(y, p, kind="classwise"), np.mean(by_class)


@claim(
    "ECE, confidences of 1.0", "torchmetrics", "ours is right", "1.0 has a bin of its own there, not the last of n_bins"
)
def _() -> Cases:
    p, right = np.array([0.95, 1.0]), np.array([1, 0])
    yield ece(right, p, n_bins=10, kind="binary"), torch_error(right, p, 10, "l1"), 0.475  # |.5 - .975|
    for y, p in networks():
        right, top = p.argmax(axis=1) == y, p.max(axis=1)
        theirs = [torch_error(right, top, 15, norm) for norm in ("l1", "l2", "max")]
        yield our_errors(right, top, 15), theirs, _truth.binned(top, right, 15)


@claim(
    "ECE of logits within [0, 1], in batches",
    "torchmetrics",
    "ours is right",
    "a batch within [0, 1] is read as probabilities; the truth is the ECE of the softmax, by exact sums",
)
def _() -> Cases:
    import torch
    from torchmetrics.classification import MulticlassCalibrationError

    random = np.random.default_rng(0)
    z, y = random.random((200, 3)), random.integers(0, 3, 200)
    metric = MulticlassCalibrationError(3, n_bins=15)
    metric.update(torch.tensor(z), torch.tensor(y))
    p = softmax(z)
    exact, _, _ = _truth.binned(p.max(axis=1), p.argmax(axis=1) == y, 15)
    yield CalibrationError().update_logits(y, z).compute().ece.value, float(metric.compute()), exact


@claim(
    "ECE of 40 million rows",
    "torchmetrics",
    "ours is right",
    "rows are counted in float32, which ends at 2^24: 0, not .2",
)
def _() -> Cases:
    p, y = np.full(40_000_000, 0.7, np.float32), np.arange(40_000_000) % 2
    yield ece(y, p, kind="binary"), torch_error(y, p, 15, "l1"), abs(float(np.float32(0.7)) - 0.5)


@claim(
    "ECE, probabilities on an edge",
    "torchmetrics",
    "ours is right",
    "its edge 3/10 is 0.30000000000000004, so .3 falls below it and beside no .35; the truth is by hand",
)
def _() -> Cases:
    p, y = np.array([0.3, 0.35]), np.array([1, 0])  # both in [.3, .4): |.325 - .5|
    yield ece(y, p, n_bins=10, kind="binary"), torch_error(y, p, 10, "l1"), 0.175


@claim("ECE, probabilities on an edge", "netcal", "ours is right", "its edge 3/10 too is 0.30000000000000004")
def _() -> Cases:
    from netcal.metrics import ECE

    p, y = np.array([0.3, 0.35]), np.array([1, 0])
    yield ece(y, p, n_bins=10, kind="binary"), ECE(10).measure(p, y), 0.175


@claim("ECE by width, MCE; top-label and binary", "netcal")
def _() -> Cases:
    from netcal.metrics import ECE, MCE

    for y, p in all_tables():
        for n_bins in (1, 10, 15):
            if p.shape[1] > 2 and y.any():  # else it finds two classes, see below
                yield ece(y, p, n_bins=n_bins), ECE(n_bins).measure(p, y)
                yield mce(y, p, n_bins=n_bins), MCE(n_bins).measure(p, y)
            for right, top in stated(y, p):
                options = {"n_bins": n_bins, "kind": "binary"}
                yield ece(right, top, **options), ECE(n_bins).measure(top, right)
                yield mce(right, top, **options), MCE(n_bins).measure(top, right)


@claim(
    "ECE of two columns",
    "netcal",
    "other definition",
    "it is that of class 1, not of the top label: ours of kind 'binary'",
)
def _() -> Cases:
    from netcal.metrics import ECE

    y, z = drawn(300, 2)
    p = softmax(z)
    yield ece(y, p), ECE(15).measure(p, y), ece(y, p[:, 1], kind="binary")


@claim("ECE by mass, no ties", "netcal")
def _() -> Cases:
    from netcal.metrics import ECE

    for y, p in tables():
        for n_bins in (10, 15):
            for right, top in stated(y, p):
                theirs = ECE(n_bins, equal_intervals=False).measure(top, right)
                yield ece(right, top, n_bins=n_bins, strategy="mass", kind="binary"), theirs


@claim("ECE by mass, ties", "netcal", "ours is right", "it stops (two edges are equal); the truth is by hand")
def _() -> Cases:
    from netcal.metrics import ECE

    p, y = np.array([0.6, 0.8, 0.8, 0.8]), np.array([1, 1, 0, 1])  # two bins, .6 and the ties
    try:
        theirs = ECE(4, equal_intervals=False).measure(p, y)
    except ValueError:
        theirs = math.nan
    yield ece(y, p, n_bins=4, strategy="mass", kind="binary"), theirs, (0.4 + 3 * abs(0.8 - 2 / 3)) / 4


def bins(y: Array, p: Array, ours: str, theirs: str) -> tuple[Any, Any]:
    """Return observed and stated probabilities of 15 bins, ours and scikit-learn's."""
    from sklearn.calibration import calibration_curve

    found = calibration_error(y, p, n_bins=15, strategy=ours, kind="binary")
    filled = found.weight > 0
    return (found.accuracy[filled], found.confidence[filled]), calibration_curve(y, p, n_bins=15, strategy=theirs)


@claim("bins of the reliability diagram, width and mass", "scikit-learn")
def _() -> Cases:
    for y, p in tables():
        for right, top in stated(y, p):
            yield bins(right, top, "width", "uniform")
            yield bins(right, top, "mass", "quantile")


def tied() -> Iterator[tuple[Array, Array]]:
    """Yield (y, p) of two classes with ties, many and few, 300 rows or as many as there are."""
    random = np.random.default_rng(0)
    yield random.integers(0, 2, 300), random.integers(0, 11, 300) / 10
    yield random.integers(0, 2, 300), random.integers(0, 97, 300) / 96
    for y, p in networks():
        yield from stated(y, p)


@claim("bins of the reliability diagram, mass, ties", "scikit-learn")
def _() -> Cases:
    for y, p in tied():
        n = len(y) // 15 * 15
        yield bins(y[:n], p[:n], "mass", "quantile")


@claim(
    "bins by mass of rows that they do not divide",
    "scikit-learn",
    "other definition",
    "a row with r rows below it is in bin ⌊B r/n⌋ here, ⌊(B r - 1)/(n - 1)⌋ there",
)
def _() -> Cases:
    for y, p in tied():
        n = len(y) - 11  # of which no quantile is a row's
        y, p = y[:n], p[:n]
        below = np.searchsorted(np.sort(p), p)
        index = np.maximum((15 * below - 1) // (n - 1), 0)
        size, sums = np.bincount(index), (np.bincount(index, y), np.bincount(index, p))
        ours, theirs = bins(y, p, "mass", "quantile")
        yield ours, theirs, [total[size > 0] / size[size > 0] for total in sums]


@claim(
    "bins, probabilities on an edge",
    "scikit-learn",
    "other definition",
    "an edge belongs to the bin below it there, to the one above here: it has our bins of (1 - y, 1 - p)",
)
def _() -> Cases:
    from sklearn.calibration import calibration_curve

    random = np.random.default_rng(0)
    p, y = random.integers(0, 9, 200) / 8, random.integers(0, 2, 200)  # eighths are exact, and so are 1 - p

    def curve(y: Array, p: Array) -> tuple[Array, Array]:
        found = calibration_error(y, p, n_bins=8, kind="binary")
        return found.accuracy, found.confidence

    accuracy, confidence = curve(1 - y, 1 - p)
    yield curve(y, p), calibration_curve(y, p, n_bins=8), (1 - accuracy[::-1], 1 - confidence[::-1])


#: Why the peer's smooth errors are less exact.
COARSE = "it sums 200 points; with 20 000 a hundredth of the difference is left. The truth is the integral, trapezoidal"


@claim(
    "smooth ECE, mass at a boundary",
    "relplot",
    "ours is right",
    "half of the mass at 0 and 1 is lost; the truth is ½ · |.7 - .5|",
)
def _() -> Cases:
    from relplot.metrics import smECE

    p, y = np.repeat([1.0, 0.5], 500), np.repeat([1, 1, 0], [500, 350, 150])
    yield smooth_ece(y, p).smooth_ece.value, smECE(p, y), 0.1
    p, y = np.ones(10), np.repeat([0, 1], [3, 7])
    yield smooth_ece(y, p).smooth_ece.value, smECE(p, y), 0.3


def smoothed(points: int, sigmas: tuple[float, ...]) -> Cases:
    """Yield smooth errors of given bandwidths, the peer's summed over so many points."""
    from relplot import config
    from relplot.metrics import smECE_sigma

    random = np.random.default_rng(0)
    p, y = random.uniform(0.05, 0.95, 40), random.integers(0, 2, 40)
    with mock.patch.object(config, "smECE_mesh_pts", points):
        for sigma in sigmas:
            ours = smooth_ece(y, p, bandwidth=sigma).smooth_ece.value
            yield ours, smECE_sigma(p, y, sigma), _truth.smooth(y, p, sigma)


@claim("smooth ECE, σ = .02, .05, 200 points", "relplot", "less exact", COARSE, tolerance=1e-7, peer_tolerance=1e-3)
def _() -> Cases:
    yield from smoothed(200, (0.02, 0.05))


@claim("smooth ECE, σ = .02, .05, 20 000 points", "relplot", "less exact", COARSE, tolerance=1e-7, peer_tolerance=3e-5)
def _() -> Cases:
    yield from smoothed(20_000, (0.02, 0.05))


@claim(
    "smooth ECE, σ = .2, 20 000 points",
    "relplot",
    "ours is right",
    "its kernel ends at ±½, here ±2.5 σ, beyond which is 1.2 % of it; the truth is the integral",
    tolerance=1e-7,
)
def _() -> Cases:
    yield from smoothed(20_000, (0.2,))


@claim(
    "smooth ECE",
    "relplot",
    "less exact",
    "its bandwidth is a multiple of 2^-10; the truth is that ours equals its own bandwidth",
    tolerance=1e-7,
    peer_tolerance=5e-3,
)
def _() -> Cases:
    from relplot.metrics import smECE

    for seed in range(3):
        y, m = scores(seed, 60)
        p = sigmoid(m)
        found = smooth_ece(y, p)
        yield found.smooth_ece.value, smECE(p, y), _truth.smooth(y, p, found.bandwidth)


# --- scores -----------------------------------------------------------------------------------------------------------


@claim("Brier score, two classes and many, weights", "scikit-learn")
def _() -> Cases:
    from sklearn.metrics import brier_score_loss

    for y, p in all_tables():
        p = p / p.sum(axis=1, keepdims=True)
        weight = np.random.default_rng(0).exponential(size=len(y))
        labels = np.arange(p.shape[1])
        options = {"labels": labels, "scale_by_half": False}
        yield brier_score(p, y), brier_score_loss(y, p, **options)
        yield brier_score(p, y, sample_weight=weight), brier_score_loss(y, p, sample_weight=weight, **options)
        yield corp(y == 1, p[:, 1]).score, brier_score_loss(y == 1, p[:, 1])


@claim("log loss, two classes and many, weights", "scikit-learn")
def _() -> Cases:
    from sklearn.metrics import log_loss

    for y, p in all_tables():
        p = np.maximum(p, 1e-12)
        p /= p.sum(axis=1, keepdims=True)
        weight, labels = np.random.default_rng(0).exponential(size=len(y)), np.arange(p.shape[1])
        z = from_probs(p)
        yield cross_entropy(z, y), log_loss(y, p, labels=labels)
        yield cross_entropy(z, y, sample_weight=weight), log_loss(y, p, labels=labels, sample_weight=weight)
        two = np.clip(p[:, 1], 1e-12, 1 - 1e-12)
        yield corp(y == 1, two, score="log").score, log_loss(y == 1, two, labels=[0, 1])


@claim(
    "log loss of a probability of 0 that happened",
    "scikit-learn",
    "ours is right",
    "it is clipped to 2^-52; -log 0 = ∞",
)
def _() -> Cases:
    from sklearn.metrics import log_loss

    yield corp([1, 0], [0.0, 0.5], score="log").score, log_loss([1, 0], [0.0, 0.5]), math.inf


@claim("CORP parts of Brier and log score", "model-diagnostics")
def _() -> Cases:
    from model_diagnostics.scoring import LogLoss, SquaredError, decompose

    rows = [(np.array([0, 0, 0, 1, 1, 1]), np.array([0.4, 0.3, 0.2, 0.1, 0.5, 0.9]))]
    for y, p in tables():
        rows += [((y == 1).astype(int), np.round(p[:, 1], digits).clip(0.01, 0.99)) for digits in (2, 17)]
    for y, p in rows:
        for score, function in (("brier", SquaredError()), ("log", LogLoss())):
            if y.any():
                found = decompose(y, p, scoring_function=function)
                theirs = [
                    float(found[part][0]) for part in ("miscalibration", "discrimination", "uncertainty", "score")
                ]
                ours = corp(y, p, score=score)
                yield (ours.miscalibration, ours.discrimination, ours.uncertainty, ours.score), theirs
