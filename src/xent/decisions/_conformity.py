"""Conformity scores of classes: how well each would go with its row. Larger conforms better."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xent.kernels import backend_for
from xent.kernels.numpy import mix64

Array = NDArray[Any]
Float64 = NDArray[np.float64]


class Penalty(NamedTuple):
    """What RAPS takes off: ``weight`` for each rank beyond ``k_reg``."""

    weight: float
    k_reg: int


def tail_mass(rows: Array, penalty: Penalty | None = None, seed: int | None = None) -> Float64:
    """Return for each class its probability and that of all ranked after it, (n, K), less the penalty.

    With a seed the class's own probability is multiplied by :func:`uniform` of the row. Classes of equal probability
    count as one: each has the mass of all of them, and the rank of the first. Sums run from the least probable class
    up: where 1 - mass rounds to 1, the mass is still there.
    """
    p = rows.astype(np.float64, order="C")
    order = np.argsort(-p, axis=1, kind="stable")
    ranked = np.take_along_axis(p, order, axis=1)
    after = np.zeros_like(ranked)
    after[:, :-1] = np.cumsum(ranked[:, :0:-1], axis=1)[:, ::-1]
    rank = np.broadcast_to(np.arange(1, p.shape[1] + 1), p.shape)
    own, after, rank = _ties_as_one(ranked, after, rank)
    if seed is None:
        mass = np.minimum(after + own, 1.0)
        mass[ranked == ranked[:, :1]] = 1.0  # as it is but for rounding: all rows' top classes conform alike
    else:
        mass = after + uniform(p, seed)[:, None] * own
    if penalty is not None:
        mass -= penalty.weight * np.maximum(rank - penalty.k_reg, 0)
    result = np.empty_like(p)
    np.put_along_axis(result, order, mass, axis=1)
    return result


def _ties_as_one(
    ranked: Float64, after: Float64, rank: NDArray[np.int64]
) -> tuple[Float64, Float64, NDArray[np.int64]]:
    """Return (own mass, mass after, rank) of descending probabilities, those of equal classes together."""
    same = ranked[:, 1:] == ranked[:, :-1]
    rows = np.flatnonzero(same.any(axis=1))
    if len(rows) == 0:
        return ranked, after, rank
    edge = np.ones((len(rows), 1), dtype=bool)
    place = np.arange(ranked.shape[1])
    first = np.maximum.accumulate(np.where(np.hstack([edge, ~same[rows]]), place, 0), axis=1)
    last = np.where(np.hstack([~same[rows], edge]), place, len(place))
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    own, rank = ranked.copy(), rank.copy()
    own[rows] = ranked[rows] * (last - first + 1)
    after[rows] = np.take_along_axis(after[rows], last, axis=1)
    rank[rows] = first + 1
    return own, after, rank


def uniform(probs: Float64, seed: int) -> Float64:
    """Return one number in [0, 1) a row, a hash of its bits and the seed.

    As a function of the row it leaves calibration rows and new rows exchangeable, however well or badly it mixes.
    """
    bits = backend_for(probs).row_hash(probs + 0.0)  # -0.0 becomes 0.0
    mixed = mix64(bits ^ mix64(np.array([seed], dtype=np.uint64)))
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
