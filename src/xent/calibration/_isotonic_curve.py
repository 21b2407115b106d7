"""Isotonic regression: the non-decreasing function of x that is nearest to y, by pooling adjacent violators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.calibration._pav import pav

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class IsotonicCurve:
    """A non-decreasing step function: ``values`` at the distinct ``levels``, ascending, with their ``weights``.

    ``block`` numbers the pools of levels that share a value: 0, 0, 1, 2, 2, …. All have shape (levels,).
    """

    levels: Float64
    values: Float64
    weights: Float64
    block: NDArray[np.int64]

    def __call__(self, x: NDArray[Any]) -> Float64:
        """Return the function between its levels by straight lines, beyond them as at the nearest one."""
        result: Float64 = np.interp(x, self.levels, self.values)
        return result


def isotonic_curve(x: Float64, y: Float64, weight: Float64) -> IsotonicCurve:
    """Return the isotonic regression of y on x with weights > 0; rows of one x are pooled first, as they must be.

    O(n log n) time for the sort, O(n) memory.
    """
    order = np.argsort(x)
    x = x[order]
    starts = np.flatnonzero(np.append(True, x[1:] != x[:-1])[: len(x)])
    if not len(starts):
        return IsotonicCurve(x, x, x, np.zeros(0, np.int64))
    weights = np.add.reduceat(weight[order], starts)
    first, sums, sizes = pav(np.add.reduceat((weight * y)[order], starts), weights)
    block = np.repeat(np.arange(len(first)), np.diff(first, append=len(starts)))
    return IsotonicCurve(x[starts], (sums / sizes)[block], weights, block)
