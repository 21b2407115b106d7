"""Calibrators against probmetrics and netcal: log loss of rows held out and time of the fit, on two real networks.

Each split draws a number of rows of the CIFAR softmax outputs to fit on; the losses are of all the others. What each
contestant is given, p raised to 1e-7, is the same. ``gain`` is in thousandths of a nat a row below temperature scaling
of the same rows, mean over the splits, with its standard error between splits; ``worst`` is that of the worst split.
``time`` is how many times longer the fit took than ours in "structured". A contestant that is not installed is left
out.

Run it with the folder that holds the two files: ``python benchmarks/calibrators.py DATA [--splits 5]``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from _timing import print_table, write_json
from scipy.special import log_softmax

from xent.calibration import TemperatureScaling, from_probs
from xent.calibration.affine import DirichletCalibration, MatrixScaling, StructuredScaling, VectorScaling

Array = np.ndarray
#: (probabilities, labels) to fit on, probabilities to calibrate → log-probabilities.
Contestant = Callable[[Array, Array, Array], Array]

FILES = {"CIFAR-10": "wideresnet-16-4-cifar-10.npz", "CIFAR-100": "densenet-bc-100-cifar-100.npz"}
SIZES = {"CIFAR-10": (100, 300, 1000, 5000), "CIFAR-100": (300, 1000, 5000)}
FLOOR = 1e-7


def ours(make: Callable[[], object]) -> Contestant:
    def run(probs: Array, target: Array, others: Array) -> Array:
        calibrator = make().fit(from_probs(probs, floor=FLOOR), target)
        return log_softmax(calibrator.transform(from_probs(others, floor=FLOOR)), axis=1)

    return run


def probmetrics(name: str) -> Contestant:
    from probmetrics.calibrators import get_calibrator

    def run(probs: Array, target: Array, others: Array) -> Array:
        calibrator = get_calibrator(name).fit(probs, target)
        return np.log(np.maximum(calibrator.predict_proba(others), 1e-300))

    return run


def netcal() -> Contestant:
    from netcal.scaling import TemperatureScaling as Temperature

    def run(probs: Array, target: Array, others: Array) -> Array:
        calibrator = Temperature()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            calibrator.fit(probs.astype(np.float64), target)
        return np.log(np.maximum(calibrator.transform(others.astype(np.float64)), 1e-300))

    return run


def contestants(n_classes: int) -> Iterator[tuple[str, Contestant]]:
    yield "temperature", ours(TemperatureScaling)
    yield "structured", ours(StructuredScaling)
    yield "structured, vector", ours(lambda: StructuredScaling(form="vector"))
    k = n_classes
    yield (
        "structured, paper's strengths",
        ours(lambda: StructuredScaling(intercept=2 * k, diagonal=2 * k, off_diagonal=2 * k * (k - 1))),
    )
    yield "vector", ours(VectorScaling)
    yield "matrix", ours(MatrixScaling)
    yield "dirichlet", ours(DirichletCalibration)
    for name in ("temp-scaling", "svs", "sms"):
        with contextlib.suppress(ImportError):
            yield f"probmetrics {name}", probmetrics(name)
    with contextlib.suppress(ImportError):
        yield "netcal temperature", netcal()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--splits", type=int, default=5)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    results: list[dict[str, object]] = []
    for data, file in FILES.items():
        stored = np.load(asked.data / file)
        probs, target = stored["predictions"], stored["ground_truth"].reshape(-1).astype(np.int64)
        probs = np.maximum(probs, FLOOR)
        probs /= probs.sum(axis=1, keepdims=True)
        for size in SIZES[data]:
            rows = compare(data, probs, target, size, asked.splits)
            print_table(rows)
            print(flush=True)
            results += rows
    print(write_json("calibrators", results, splits=asked.splits))


def compare(data: str, probs: Array, target: Array, size: int, splits: int) -> list[dict[str, object]]:
    losses: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    for seed in range(splits):
        order = np.random.default_rng(seed).permutation(len(target))
        fit, rest = order[:size], order[size:]
        for name, run in contestants(probs.shape[1]):
            start = time.perf_counter()
            log_probs = run(probs[fit], target[fit], probs[rest])
            seconds.setdefault(name, []).append(time.perf_counter() - start)
            losses.setdefault(name, []).append(-float(log_probs[np.arange(len(rest)), target[rest]].mean()))
    rows: list[dict[str, object]] = []
    for name, each in losses.items():
        gains = [1e3 * (a - b) for a, b in zip(losses["temperature"], each, strict=True)]
        ratios = [a / b for a, b in zip(seconds[name], seconds["structured"], strict=True)]
        rows.append(
            {
                "data": data,
                "rows": size,
                "calibrator": name,
                "log loss": statistics.mean(each),
                "gain": statistics.mean(gains),
                "error": statistics.stdev(gains) / len(gains) ** 0.5,
                "worst": min(gains),
                "time": statistics.median(ratios),
                "seconds": statistics.median(seconds[name]),
            }
        )
    return rows


if __name__ == "__main__":
    main()
