"""Isotonic regression by pooling adjacent violators, in NumPy alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]


def pav(sums: Float64, weights: Float64) -> tuple[Int64, Float64, Float64]:
    """Return (first index, Σ sums, Σ weights) of each block of the isotonic regression of sums/weights, in their order.

    ``sums`` are weighted sums of y at ascending distinct levels, ``weights`` > 0 those of 1. The blocks' means, the
    quotients, rise strictly: equal neighbours are one block. Counts are compared exactly. O(n) time for nearly all
    data: runs that fall are pooled all at once, pass by pass, and what is left when that stops paying one by one.

    Source: Ayer et al. 1955 (doi:10.1214/aoms/1177728423).
    """
    starts: Any = np.arange(len(sums))
    while len(starts) > 1:
        rises = np.append(True, sums[:-1] * weights[1:] < sums[1:] * weights[:-1])
        keep = np.flatnonzero(rises)
        pays = len(keep) < 0.9 * len(starts)
        starts, sums, weights = starts[keep], np.add.reduceat(sums, keep), np.add.reduceat(weights, keep)
        if not pays:
            break
    return _one_by_one(starts, sums, weights)


def _one_by_one(starts: Int64, sums: Float64, weights: Float64) -> tuple[Int64, Float64, Float64]:
    blocks: list[tuple[int, float, float]] = []
    for start, total, weight in zip(starts.tolist(), sums.tolist(), weights.tolist(), strict=True):
        while blocks and blocks[-1][1] * weight >= total * blocks[-1][2]:
            start, before, more = blocks.pop()
            total, weight = before + total, more + weight
        blocks.append((start, total, weight))
    first, totals, sizes = ([each[column] for each in blocks] for column in range(3))
    return np.array(first, dtype=np.int64), np.array(totals, dtype=np.float64), np.array(sizes, dtype=np.float64)


def pooled(x: Float64, is_one: NDArray[np.bool_], weight: Float64) -> tuple[Float64, Float64, Float64]:
    """Return (distinct x ascending, weight of the rows with label 1 there, weight of all rows there)."""
    order = np.argsort(x, kind="stable")
    x, weight = x[order], weight[order]
    starts = np.flatnonzero(np.append(True, x[1:] != x[:-1]))
    ones = np.add.reduceat(np.where(is_one[order], weight, 0.0), starts)
    return x[starts], ones, np.add.reduceat(weight, starts)


def just_below(x: Float64) -> Float64:
    """Return ascending distinct scores less 1e-12, relatively beyond 1, or less a quarter of the way to the one before.

    Steps at scores start there, so that a score that is computed again with another rounding is on the same step.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.diff(x, prepend=-np.inf)
        lower = x - np.minimum(1e-12 * np.maximum(np.abs(x), 1.0), 0.25 * gap)
    return np.where(np.isfinite(x), np.maximum(lower, np.finfo(np.float64).min), x)
