"""Rows a few at a time: what is made of an (n, K) array on the way then stays in the cache, and small."""

from __future__ import annotations

from collections.abc import Iterator

_NUMBERS = 1 << 18


def pieces(n: int, width: int) -> Iterator[slice]:
    """Return the slices that cut n rows, each ``width`` numbers wide, into pieces of 2^18 numbers (2 MB in float64)."""
    step = max(1, _NUMBERS // width)
    return (slice(begin, min(begin + step, n)) for begin in range(0, n, step))
