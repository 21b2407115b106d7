"""Rows a few at a time: what is made of an (n, K) array on the way then stays in the cache, and small."""

from __future__ import annotations

from collections.abc import Iterator

_NUMBERS = 1 << 18  # 2 MB in float64


def pieces(n: int, width: int, numbers: int = _NUMBERS) -> Iterator[slice]:
    """Return the slices that cut n rows, each ``width`` numbers wide, into pieces of about so many numbers."""
    step = max(1, numbers // max(width, 1))
    return (slice(begin, min(begin + step, n)) for begin in range(0, n, step))
