"""Bounded memory of unbounded data: the rows with the smallest keys."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.kernels.numpy import mix64

UInt64 = NDArray[np.uint64]


def uniform_keys(rows: NDArray[np.int64], seed: int) -> UInt64:
    """Return a random-looking 64-bit key for each row number: the same for a seed, in any order of reading."""
    return mix64(rows.astype(np.uint64) ^ mix64(np.array([seed], dtype=np.uint64)))


class SmallestKeys:
    """Keeps the ``capacity`` rows with the smallest keys, with what belongs to them.

    Where the keys are random numbers this is a uniform sample. Where they are hashes of the rows' content it is a
    sample in which rows of equal content stay together, whatever part of the data they came from. ``complete`` says
    whether all rows were kept.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.keys: UInt64 = np.empty(0, dtype=np.uint64)
        self.columns: tuple[NDArray[Any], ...] = ()
        self.seen = 0
        self._limit: np.uint64 | None = None

    @property
    def complete(self) -> bool:
        """Whether all rows were kept."""
        return self._limit is None

    def add(self, keys: UInt64, *columns: NDArray[Any]) -> None:
        """Offer rows: their keys, and columns whose first axis are the rows."""
        self.seen += len(keys)
        if self._limit is not None:
            below = keys < self._limit
            keys, columns = keys[below], tuple(column[below] for column in columns)
        if len(self.keys):
            keys = np.concatenate([self.keys, keys])
            columns = tuple(np.concatenate(pair) for pair in zip(self.columns, columns, strict=True))
        if len(keys) > self.capacity:
            # Keep all keys below a limit, never part of the rows with one key: equal keys live or die together.
            self._limit = np.partition(keys, self.capacity)[self.capacity]
            below = keys < self._limit
            keys, columns = keys[below], tuple(column[below] for column in columns)
        self.keys, self.columns = keys, tuple(np.ascontiguousarray(column) for column in columns)
