"""How long do a temperature and an ECE from logits take, and how much memory, beside those who compute the same?

Against scikit-learn, probmetrics, netcal, torchmetrics and plain NumPy, on float32 logits that are twice too sharp, all
taking turns in one process, one process for each number of threads. The memory is the peak beyond what was there with
the inputs, of a process of its own, measured with the first number of threads. Peers that take probabilities are given
them, in float64 where float32 misleads them, and their making is not timed; those that take logits are given logits.

Errors are relative to the true minimiser and the ECE of the definition, in float64. Nobody can be faster than reading
the logits once, which is what ``/read`` is in units of, at the bandwidth of a copy in one thread.

python benchmarks/calibration.py [threads …] [--shape 1000000x10 …] [--rounds 3]
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from _timing import copy_bandwidth, interleave, print_table, ratio, write_json

SHAPES = ("200000x100", "1000000x10")
N_BINS = 15
QUESTIONS = {
    "temperature": ("ours", "numpy", "sklearn", "probmetrics", "netcal"),
    "ece": ("ours", "numpy", "torchmetrics", "netcal"),
}


def drawn(shape: str, few: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return logits and the labels that half of them would be honest about."""
    n, n_classes = map(int, shape.split("x"))
    n = 2000 if few else n
    random = np.random.default_rng(0)
    logits, label = np.empty((n, n_classes), np.float32), np.empty(n, np.int64)
    for start in range(0, n, 10_000):  # whose memory the next question would find free
        part = slice(start, start + 10_000)
        honest = 2 * random.standard_normal(logits[part].shape, dtype=np.float32)
        label[part] = (honest + random.gumbel(size=honest.shape)).argmax(axis=1)
        logits[part] = 2 * honest
    return logits, label


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities in the logits' dtype."""
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


# --- temperatures, each of (logits, label) ----------------------------------------------------------------------------


def newton(logits: np.ndarray, label: np.ndarray, dtype: type, tolerance: float) -> float:
    """Return the temperature by Newton's method in log β on pieces of the logits, in plain NumPy."""
    log_beta, change, chunk = 0.0, 1.0, max(1, 200_000 // logits.shape[1])
    while abs(change) > tolerance:
        beta, slope, curvature = np.exp(log_beta), 0.0, 0.0
        for start in range(0, len(logits), chunk):
            z = logits[start : start + chunk].astype(dtype)
            z -= z.max(axis=1, keepdims=True)
            e = np.exp(z * dtype(beta))
            total = e.sum(axis=1, dtype=np.float64)
            e *= z
            mean = e.sum(axis=1, dtype=np.float64) / total
            e *= z
            slope += (mean - z[np.arange(len(z)), label[start : start + chunk]]).sum(dtype=np.float64)
            curvature += (e.sum(axis=1, dtype=np.float64) / total - mean * mean).sum()
        change = -beta * slope / (beta * beta * curvature + max(beta * slope, 0.0))
        log_beta += change
    return float(np.exp(-log_beta))


def temperature_numpy(logits: np.ndarray, label: np.ndarray) -> Callable[[], float]:
    """Prepare what everybody could write."""
    return lambda: newton(logits, label, np.float32, 1e-4)


def temperature_ours(logits: np.ndarray, label: np.ndarray) -> Callable[[], float]:
    """Prepare xent."""
    from xent.calibration import fit_temperature

    return lambda: fit_temperature(logits, label).temperature


def temperature_sklearn(logits: np.ndarray, label: np.ndarray) -> Callable[[], float]:
    """Prepare scikit-learn, on a frozen estimator whose decisions are the logits."""
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    class Network(ClassifierMixin, BaseEstimator):
        classes_ = np.arange(logits.shape[1])

        def fit(self, x, y):
            return self

        def __sklearn_is_fitted__(self):
            return True

        def decision_function(self, x):
            return x

        def predict(self, x):
            return x.argmax(axis=1)

    def run() -> float:
        fitted = CalibratedClassifierCV(FrozenEstimator(Network()), method="temperature").fit(logits, label)
        return 1.0 / float(fitted.calibrated_classifiers_[0].calibrators[0].beta_)

    return run


def temperature_probmetrics(logits: np.ndarray, label: np.ndarray) -> Callable[[], float]:
    """Prepare probmetrics."""
    import torch
    from probmetrics.calibrators import TemperatureScalingCalibrator
    from probmetrics.distributions import CategoricalLogits

    rows, index = torch.from_numpy(logits), torch.from_numpy(label)

    def run() -> float:
        calibrator = TemperatureScalingCalibrator()
        calibrator.fit_torch(CategoricalLogits(rows), index)
        return 1.0 / float(calibrator.invtemp_)

    return run


def temperature_netcal(logits: np.ndarray, label: np.ndarray) -> Callable[[], float]:
    """Prepare netcal, whose "temperature" is 1/T; of float32 probabilities it returns 1."""
    from netcal.scaling import TemperatureScaling

    probs = softmax(logits.astype(np.float64))

    def run() -> float:
        calibrator = TemperatureScaling()
        calibrator.fit(probs, label)
        return 1.0 / float(calibrator.temperature[0])

    return run


# --- calibration errors, each of (logits, label) ----------------------------------------------------------------------


def ece_ours(logits: np.ndarray, label: np.ndarray) -> Callable[[], float]:
    """Prepare xent, which gives the interval and the null band too."""
    from xent.calibration import CalibrationError

    return lambda: CalibrationError(N_BINS).update_logits(label, logits).compute().ece.value


def ece_numpy(logits: np.ndarray, label: np.ndarray) -> Callable[[], float]:
    """Prepare what everybody could write."""

    def run() -> float:
        probs = softmax(logits)
        confidence, right = probs.max(axis=1), probs.argmax(axis=1) == label
        cell = np.minimum((confidence * N_BINS).astype(np.int64), N_BINS - 1)
        gaps = np.bincount(cell, confidence, N_BINS) - np.bincount(cell, right, N_BINS)
        return float(np.abs(gaps).sum() / len(label))

    return run


def ece_torchmetrics(logits: np.ndarray, label: np.ndarray) -> Callable[[], float]:
    """Prepare torchmetrics."""
    import torch
    from torchmetrics.classification import MulticlassCalibrationError

    rows, index = torch.from_numpy(logits), torch.from_numpy(label)

    def run() -> float:
        metric = MulticlassCalibrationError(logits.shape[1], n_bins=N_BINS, norm="l1")
        metric.update(rows, index)
        return float(metric.compute())

    return run


def ece_netcal(logits: np.ndarray, label: np.ndarray) -> Callable[[], float]:
    """Prepare netcal."""
    from netcal.metrics import ECE

    probs = softmax(logits)
    return lambda: float(ECE(N_BINS).measure(probs, label))


# --- one process, one number of threads -------------------------------------------------------------------------------


def prepared(question: str, name: str, logits: np.ndarray, label: np.ndarray) -> Callable[[], float]:
    """Return a contestant, ready to run."""
    return globals()[f"{question}_{name}"](logits, label)


def use_threads(threads: int) -> None:
    """Have torch, if it is there, work in so many threads; the others read the environment."""
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        return
    torch.set_num_threads(threads)


def measured(shapes: list[str], rounds: int, threads: int) -> Iterator[dict[str, object]]:
    """Yield what was measured of each question and shape in this process."""
    use_threads(threads)
    bandwidth = copy_bandwidth()
    for shape in shapes:
        logits, label = drawn(shape)
        read = logits.nbytes / bandwidth
        truth = {"temperature": newton(logits, label, np.float64, 1e-11), "ece": ece_exact(logits, label)}
        for question, names in QUESTIONS.items():
            runs, errors, left_out = {}, {}, {}
            for name in names:
                try:
                    runs[name] = prepared(question, name, logits, label)
                    errors[name] = abs(runs[name]() / truth[question] - 1.0)
                except Exception as problem:  # whatever it is, the others can still be timed
                    if name == "ours":
                        raise
                    runs.pop(name, None)
                    left_out[name] = f"{type(problem).__name__}: {problem}".splitlines()[0]
            seconds = interleave(runs, rounds=rounds)
            yield {
                "question": question,
                "shape": shape,
                "threads": threads,
                "ms": {name: 1e3 * statistics.median(times) for name, times in seconds.items()},
                "of ours": {name: ratio(seconds, name, "ours") for name in runs},
                "read": statistics.median(seconds["ours"]) / read,
                "errors": errors,
                "left out": left_out,
                "copy_gigabytes_per_second": bandwidth / 1e9,
            }


def ece_exact(logits: np.ndarray, label: np.ndarray) -> float:
    """Return the ECE of probabilities in float64, bins by their definition."""
    probs = softmax(logits.astype(np.float64))
    confidence, right = probs.max(axis=1), logits.argmax(axis=1) == label
    cell = np.searchsorted(np.arange(1, N_BINS) / N_BINS, confidence, side="right")
    return float(np.abs(np.bincount(cell, confidence - right, N_BINS)).sum() / len(label))


# --- one process, one contestant's memory -----------------------------------------------------------------------------


def status(field: str) -> int:
    """Return a field of this process's status, in bytes: VmRSS is what it has now, VmHWM the most it had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field))


def print_memory(question: str, name: str, shape: str, threads: int) -> None:
    """Print the peak beyond what was there before, in bytes."""
    use_threads(threads)
    logits, label = drawn(shape)
    prepared(question, name, *drawn(shape, few=True))()  # what is loaded once
    run = prepared(question, name, logits, label)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = status("VmRSS")
    run()
    print(status("VmHWM") - before)


# --- all processes ----------------------------------------------------------------------------------------------------


def started(threads: int, *arguments: str) -> str:
    """Return what this script prints in a process with so many threads."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    command = [sys.executable, "-W", "ignore", __file__, str(threads), *arguments]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout


def compare(shapes: list[str], numbers_of_threads: list[int], rounds: int) -> None:
    """Measure everything, each in its process; print a table and write it down."""
    results, table = [], []
    for threads in numbers_of_threads:
        for shape in shapes:
            results += json.loads(started(threads, "--part", "--rounds", str(rounds), "--shape", shape))
    for result in results:
        question, shape, threads = result["question"], result["shape"], result["threads"]
        memory = {
            name: int(started(threads, "--memory", question, name, "--shape", shape)) / 1e6
            for name in result["ms"]
            if threads == numbers_of_threads[0] and Path("/proc/self/clear_refs").exists()
        }
        result["extra MB"] = memory
        for name in result["ms"]:
            table.append(
                {
                    "question": question,
                    "shape": shape,
                    "threads": threads,
                    "who": name,
                    "ms": result["ms"][name],
                    "/ours": result["of ours"][name],
                    "/read": result["read"] if name == "ours" else "",
                    "error": result["errors"][name],
                    "extra MB": memory.get(name, ""),
                }
            )
        for name, why in result["left out"].items():
            print(f"{question} {shape}: {name} is left out: {why}", file=sys.stderr)
    print_table(table)
    print(write_json("calibration", results))


def main() -> None:
    """Read what is asked for, and do it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("threads", type=int, nargs="*")
    parser.add_argument("--shape", nargs="+", default=list(SHAPES))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", action="store_true", help="measure here, print JSON")
    parser.add_argument("--memory", nargs=2, metavar=("QUESTION", "NAME"), help="measure one contestant's memory here")
    options = parser.parse_args()
    if options.memory:
        print_memory(*options.memory, options.shape[0], options.threads[0])
    elif options.part:
        print(json.dumps(list(measured(options.shape, options.rounds, options.threads[0]))))
    else:
        compare(options.shape, options.threads or sorted({1, len(os.sched_getaffinity(0))}), options.rounds)


if __name__ == "__main__":
    main()
