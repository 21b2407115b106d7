"""What sets of classes are worth on rows whose classes are known."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xent._estimates import Estimate, missing, normal, wilson


@dataclass(frozen=True)
class SetSizes:
    """The coverage of the sets of ``low`` to ``high`` classes."""

    low: int
    high: int
    coverage: Estimate


@dataclass(frozen=True)
class SetQuality:
    """What prediction sets are worth on rows whose classes are known; see :meth:`ConformalClassifier.evaluate`.

    ``coverage``, ``singletons`` and ``empty`` are shares of the rows with Wilson's 95 % interval: sets that hold the
    row's class, sets of one class, sets of none. ``size`` is the mean number of classes, with a normal interval.
    ``by_size`` is the coverage within sizes 0, 1, 2, 3-4, 5-8, 9-16 and so on, where there are any; ``by_class`` the
    coverage of each class's own rows.
    """

    coverage: Estimate
    size: Estimate
    singletons: Estimate
    empty: Estimate
    by_size: tuple[SetSizes, ...]
    by_class: tuple[Estimate, ...]


def set_quality(
    sizes: NDArray[np.int64], hit: NDArray[np.bool_], target: NDArray[np.int64], n_classes: int
) -> SetQuality:
    """Return the quality of sets of these sizes, ``hit`` where they hold the row's class ``target``; each (n,)."""
    n = len(sizes)
    size = missing("no rows")
    if n:
        size = normal(float(sizes.mean()), float(sizes.std(ddof=1)) / math.sqrt(n) if n > 1 else math.inf, n)
    by_size = []
    for low, high in _size_bins(n_classes):
        inside = (sizes >= low) & (sizes <= high)
        if inside.any():
            by_size.append(SetSizes(low, high, _share(hit[inside])))
    return SetQuality(
        coverage=_share(hit),
        size=size,
        singletons=_share(sizes == 1),
        empty=_share(sizes == 0),
        by_size=tuple(by_size),
        by_class=tuple(
            wilson(int(hits) / max(int(own), 1), int(own))
            for hits, own in zip(
                np.bincount(target[hit], minlength=n_classes), np.bincount(target, minlength=n_classes), strict=True
            )
        ),
    )


def _share(mask: NDArray[np.bool_]) -> Estimate:
    return wilson(float(mask.mean()) if len(mask) else math.nan, len(mask))


def _size_bins(n_classes: int) -> Iterator[tuple[int, int]]:
    yield 0, 0
    low = high = 1
    while low <= n_classes:
        yield low, min(high, n_classes)
        low, high = high + 1, 2 * high
