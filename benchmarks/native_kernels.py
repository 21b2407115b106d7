"""The compiled kernels against their specification, SciPy, and the time that moving the bytes alone would take.

python benchmarks/native_kernels.py [threads]
"""

from __future__ import annotations

import os
import statistics
import sys
from collections.abc import Callable

import numpy as np
import scipy.special
from _timing import copy_bandwidth, interleave, print_table, ratio, write_json

from xent.kernels import native
from xent.kernels import numpy as spec

SHAPES = ((65536, 10), (8192, 1000), (100_000, 100))


def kernels_on(n: int, n_classes: int) -> dict[str, tuple[int, dict[str, Callable[[], object]]]]:
    """Return, for each kernel, the bytes it must move and its contestants, on float32 logits."""
    rng = np.random.default_rng(0)
    logits = (4 * rng.normal(size=(n, n_classes))).astype(np.float32)
    target = rng.integers(0, n_classes, n)
    ones = np.ones(n)
    counts = np.zeros((4, 15), np.int64)
    tables = np.zeros((3, n_classes, len(spec.odds_edges(4))))

    def contestants(call: Callable[..., object], **others: Callable[[], object]) -> dict[str, Callable[[], object]]:
        return {"native": lambda: call(native), "spec": lambda: call(spec), **others}

    read, written = logits.nbytes, 8 * n
    return {
        "row_stats": (
            read + written,
            contestants(lambda k: k.row_stats(logits, target), scipy=lambda: scipy.special.logsumexp(logits, axis=1)),
        ),
        "row_softmax": (
            2 * read,
            contestants(lambda k: k.row_softmax(logits), scipy=lambda: scipy.special.softmax(logits, axis=1)),
        ),
        "row_grad": (2 * read, contestants(lambda k: k.row_grad(logits, ones, -ones, target))),
        "temperature_sums": (read + written, contestants(lambda k: k.temperature_sums(logits, target, scale=0.5))),
        "row_scores": (read + 5 * written, contestants(lambda k: k.row_scores(logits, target))),
        "confidence_counts": (read + written, contestants(lambda k: k.confidence_counts(logits, target, counts))),
        "class_histogram": (read, contestants(lambda k: k.class_histogram(logits, target, None, *tables, bits=4))),
        "row_hash": (read + written, contestants(lambda k: k.row_hash(logits))),
    }


def main() -> None:
    """Time every kernel on every shape; print a table and write it down."""
    os.environ["OMP_NUM_THREADS"] = sys.argv[1] if len(sys.argv) > 1 else "1"
    bandwidth = copy_bandwidth()
    rows = []
    for n, n_classes in SHAPES:
        for kernel, (n_bytes, contestants) in kernels_on(n, n_classes).items():
            seconds = interleave(contestants, rounds=7)
            middle = statistics.median(seconds["native"])
            rows.append(
                {
                    "kernel": kernel,
                    "rows": n,
                    "classes": n_classes,
                    "native ms": middle * 1e3,
                    "ns/element": middle / (n * n_classes) * 1e9,
                    "spec/native": ratio(seconds, "spec", "native"),
                    "scipy/native": ratio(seconds, "scipy", "native") if "scipy" in seconds else "",
                    "native/bytes": middle * bandwidth / n_bytes,
                }
            )
            print(f"{kernel} {n} x {n_classes}", file=sys.stderr)
    print_table(rows)
    facts = {"threads": native.threads(), "level": native.level, "copy_gigabytes_per_second": bandwidth / 1e9}
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    print(write_json("native_kernels", rows, **facts))


if __name__ == "__main__":
    main()
