"""The coverage of conformal sets over simulated calibration draws, beside what people do instead.

Each draw takes n calibration rows and 100 new ones from one source, whose model is twice as sure as it should be.
``exact`` is ⌈(n+1) · coverage⌉/(n+1), which the mean coverage equals where scores do not tie and is not below where
they do; ``error`` is the standard error of the mean. The last two kinds are no functions of xent: LAC with the plain
quantile of the calibration scores, and APS with cumulated probabilities in calibration and the class that crosses the
quantile added in prediction.

python benchmarks/conformal.py [--draws 2000] [--coverage 0.9]
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from _timing import print_table, write_json
from numpy.typing import NDArray

from xent.decisions.conformal import ConformalClassifier
from xent.functional import softmax

Float64 = NDArray[np.float64]
Sets = Callable[[Float64, NDArray[np.int64], Float64], NDArray[np.bool_]]

NEW, CLASSES = 100, 5
OPTIONS: dict[str, dict[str, object]] = {
    "lac": {"method": "lac"},
    "lac per class": {"method": "lac", "per_class": True},
    "aps": {"method": "aps"},
    "aps randomised": {"method": "aps", "randomized": True},
    "raps": {"method": "raps", "penalty": 0.05, "k_reg": 2},
    "raps randomised": {"method": "raps", "penalty": 0.05, "k_reg": 2, "randomized": True},
}


def sample(random: np.random.Generator, n: int, ties: bool) -> tuple[Float64, NDArray[np.int64]]:
    """Return probabilities and classes; with ties, the logits are whole numbers."""
    logits = random.normal(size=(n, CLASSES)) * 1.5
    target = (logits + random.gumbel(size=logits.shape)).argmax(axis=1)
    return softmax(2.0 * (np.rint(logits) if ties else logits)), target


def ours(coverage: float, options: dict[str, object]) -> Sets:
    conformal = ConformalClassifier(coverage=coverage, **options)  # type: ignore[arg-type]
    return lambda probs, target, new: conformal.fit(probs, target).predict_set(new)


def plain_quantile(coverage: float) -> Sets:
    def sets(probs: Float64, target: NDArray[np.int64], new: Float64) -> NDArray[np.bool_]:
        return 1 - new <= np.quantile(1 - probs[np.arange(len(probs)), target], coverage)

    return sets


def crossing_class(coverage: float) -> Sets:
    def cumulated(probs: Float64) -> Float64:
        order = np.argsort(-probs, axis=1, kind="stable")
        result = np.empty_like(probs)
        np.put_along_axis(result, order, np.cumsum(np.take_along_axis(probs, order, axis=1), axis=1), axis=1)
        return result

    def sets(probs: Float64, target: NDArray[np.int64], new: Float64) -> NDArray[np.bool_]:
        rank = math.ceil((len(probs) + 1) * Fraction(repr(coverage)))
        if rank > len(probs):
            return np.ones(new.shape, dtype=bool)
        limit = np.sort(cumulated(probs)[np.arange(len(probs)), target])[rank - 1]
        return cumulated(new) - new < limit

    return sets


def measure(sets: Sets, n: int, ties: bool, draws: int) -> dict[str, object]:
    """Return the mean coverage with its standard error, of all rows and of the class that has least, and sizes."""
    random = np.random.default_rng([n, ties])
    covered, size, empty = np.empty(draws), 0.0, 0.0
    hits, own = np.zeros(CLASSES), np.zeros(CLASSES)
    for draw in range(draws):
        probs, target = sample(random, n + NEW, ties)
        found = sets(probs[:n], target[:n], probs[n:])
        hit = found[np.arange(NEW), target[n:]]
        covered[draw] = hit.mean()
        size += found.sum() / NEW / draws
        empty += (found.sum(axis=1) == 0).mean() / draws
        hits += np.bincount(target[n:], hit, CLASSES)
        own += np.bincount(target[n:], minlength=CLASSES)
    return {
        "covered": f"{covered.mean():.4f}",
        "error": f"{covered.std(ddof=1) / math.sqrt(draws):.4f}",
        "least class": f"{(hits / own).min():.4f}",
        "size": f"{size:.3f}",
        "empty": f"{empty:.4f}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--coverage", type=float, default=0.9)
    arguments = parser.parse_args()
    kinds = {name: ours(arguments.coverage, options) for name, options in OPTIONS.items()}
    kinds["(lac, plain quantile)"] = plain_quantile(arguments.coverage)
    kinds["(aps, crossing class)"] = crossing_class(arguments.coverage)
    rows: list[dict[str, object]] = []
    for n in (9, 50, 500):
        exact = math.ceil((n + 1) * Fraction(repr(arguments.coverage))) / (n + 1)
        for ties in (False, True):
            for name, sets in kinds.items():
                found = measure(sets, n, ties, arguments.draws)
                rows.append({"kind": name, "n": n, "ties": ties, "exact": f"{exact:.4f}", **found})
    print_table(rows)
    print(write_json("conformal", rows, draws=arguments.draws, coverage=arguments.coverage))


if __name__ == "__main__":
    main()
