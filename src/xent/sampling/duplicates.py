"""Rows that belong together: equal rows, rows close to one another, rows of one group, and what follows from all these.

Equal rows are found by a hash and a comparison. Close rows are found without comparing all with all: a projection onto
orthonormal directions brings no two rows further apart, so that rows within a distance of each other fall into the same
cell, or neighbouring cells, of a grid of that width over three directions. Only such pairs are compared: by their
projections onto 16 to 64 directions first, then in full. The directions (principal ones of a sample) decide the speed
alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.errors import DtypeError, ShapeError
from xent.kernels import backend_for

Array = NDArray[Any]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

_CHUNK = 1 << 20  # numbers, or pairs of rows, looked at at once
_BLOCK = 256
_SAMPLE = 512
_TOLD_APART = 1e-4 + 1 / _SAMPLE  # each row is near itself


def near_duplicates(X: ArrayLike, *, tolerance: float = 0.0) -> Int64:
    """Return the sets of near-identical rows: rows at a Euclidean distance ≤ tolerance are in one, transitively.

    Parameters
    ----------
    X
        Features, embeddings or logits (n, d), numbers.
    tolerance
        Distance ≥ 0 in the units of X. 0 joins equal rows only. For rows of norm 1 a cosine similarity of at least c
        is a distance of at most √(2 - 2c).

    Returns
    -------
    The number of each row's set (n,), int64, counted from 0 in the order of first rows; ``np.bincount`` of it gives
    the sets' sizes.

    Raises
    ------
    ShapeError, DtypeError, OptionError
        No matrix; no real numbers; a tolerance that is negative or not finite.

    Notes
    -----
    Every pair of rows within the tolerance is in one set, with certainty (to the rounding of a distance in float64):
    nothing here is approximate, and no seed plays a part. Rows that are further apart are in one set only if a chain
    of rows within the tolerance connects them; a tolerance of the order of the distances between unrelated rows
    therefore joins nearly all.

    -0.0 equals 0.0. A row with NaN or ±inf is joined only with rows that equal it, NaN being equal to NaN.

    Equal rows cost O(n d). Above a tolerance of 0 the cost grows with the number of pairs that are within it in three
    principal directions, at worst O(n² d), and O(n) memory. Images of one scene, texts of one source: what is alike to
    a reader but not in these numbers, needs features that show it, or ``groups=`` of :func:`split`.

    Examples
    --------
    >>> from xent.sampling import near_duplicates
    >>> near_duplicates([[0.0, 1.0], [5.0, 5.0], [0.0, 1.0], [0.0, 1.001]], tolerance=0.01)
    array([0, 1, 0, 0])
    """
    function = "near_duplicates"
    return numbered(linked_rows(function, "X", X, tolerance))


def linked_rows(function: str, argument: str, values: ArrayLike, tolerance: float) -> Int64:
    """Return for each row of a matrix the first row of its set of near-identical rows."""
    tolerance = _validate.non_negative(function, "tolerance", tolerance)
    matrix = _validate.floating(function, argument, values)
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise ShapeError(
            function,
            f"{argument} must have shape (rows, features); got shape {matrix.shape}",
            "reshape to two axes with one row an example",
        )
    if np.asarray(values).dtype.kind in "iu" and matrix.size and np.abs(matrix).max() >= 2.0**53:
        raise DtypeError(
            function,
            f"{argument} must hold integers below 2^53, which a float64 tells apart; got {np.abs(matrix).max():g}",
            "hashes are for groups= of split, or .astype(str)",
        )
    first = _first_equal(matrix)
    if tolerance == 0.0:
        return first
    distinct = np.flatnonzero(first == np.arange(len(first)))
    finite = [part[np.isfinite(matrix[part]).all(axis=1)] for part in _parts(distinct, matrix.shape[1])]
    rows = np.concatenate([distinct[:0], *finite])
    if len(rows) < 2:
        return first
    sets = Sets(len(first))
    sets.root = first
    search = _Search(sets, matrix, rows, tolerance)
    search.run()
    search.settle()
    return sets.root


def numbered(labels: Array) -> Int64:
    """Return the labels (n,) as numbers from 0 in the order in which they first appear."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


class Sets:
    """Disjoint sets of n things; ``root`` holds for each the smallest thing of its set."""

    def __init__(self, n: int) -> None:
        self.root: Int64 = np.arange(n)

    def join(self, a: Int64, b: Int64) -> None:
        """Join the sets of a[i] and b[i], for every i; O(n) memory."""
        while True:
            a, b = self.root[a], self.root[b]
            apart = a != b
            if not apart.any():
                return
            a, b = a[apart], b[apart]
            np.minimum.at(self.root, np.maximum(a, b), np.minimum(a, b))
            while True:
                further = self.root[self.root]
                if np.array_equal(further, self.root):
                    break
                self.root = further


def _parts(rows: Int64, width: int) -> Iterator[Int64]:
    step = max(1, _CHUNK // width)
    return (rows[start : start + step] for start in range(0, len(rows), step))


def _plain(part: Array) -> Array:
    """Return a copy in which equal rows have equal bits: one zero, one NaN."""
    plain = part.astype(np.float32 if part.dtype == np.float16 else part.dtype) + 0.0  # -0.0 + 0.0 is 0.0
    plain[np.isnan(plain)] = np.nan
    return plain


def _first_equal(matrix: Array) -> Int64:
    """Return for each row the first row that equals it."""
    everything = np.arange(len(matrix))
    hashes = np.empty(len(matrix), dtype=np.uint64)
    for part in _parts(everything, matrix.shape[1]):
        plain = _plain(matrix[part])
        hashes[part] = backend_for(plain).row_hash(plain)
    first, rest = everything.copy(), everything
    while len(rest):  # more than once only where different rows have one hash
        _, index, inverse = np.unique(hashes[rest], return_index=True, return_inverse=True)
        candidate = rest[index[inverse]]
        unlike = np.zeros(len(rest), dtype=bool)
        for part in _parts(np.flatnonzero(candidate != rest), matrix.shape[1]):
            one, other = matrix[rest[part]], matrix[candidate[part]]
            unlike[part] = ~((one == other) | (np.isnan(one) & np.isnan(other))).all(axis=1)
        first[rest] = candidate
        rest = rest[unlike]
    return first


class _Search:
    """Finds the pairs of rows, all finite, within the tolerance along the grid's order, and joins them in ``sets``."""

    def __init__(self, sets: Sets, matrix: Array, rows: Int64, tolerance: float) -> None:
        self.sets, self.matrix, self.tolerance = sets, matrix, tolerance
        projected, self.reach, rounding = _project(matrix, rows, tolerance)
        order, self.cells, self.steps = _grid(projected, self.reach)
        self.rows, self.projected = rows[order], projected[order]
        squares = np.einsum("nd,nd->n", self.projected, self.projected)[:, None]
        ones = np.ones_like(squares)
        #: The product of a row of the one and a row of the other is the square of the distance, to within ``blur``.
        self.left = np.concatenate([self.projected * -2.0, squares, ones], axis=1)
        self.right = np.concatenate([self.projected, ones, squares], axis=1)
        self.blur = rounding * float(squares.max()) ** 0.5
        self.found: list[tuple[Int64, Int64]] = []
        self.waiting = 0
        self.settle()

    def settle(self) -> None:
        """Join what was found, and note which neighbours along the order are in one set by now."""
        if self.found:
            self.sets.join(*(np.concatenate(side) for side in zip(*self.found, strict=True)))
        self.found, self.waiting = [], 0
        self.label = self.sets.root[self.rows]
        ends = np.append(np.flatnonzero(self.label[1:] != self.label[:-1]) + 1, len(self.rows))
        #: For each place the first place behind it of another set.
        self.change = ends[np.searchsorted(ends, np.arange(len(self.rows)), "right")]

    def run(self) -> None:
        """Compare all pairs that the grid leaves."""
        n = len(self.rows)
        for step in (1, 2, 3, 4):  # what lies densest is joined first, and is then left out below
            self.compare(np.arange(n - step), np.arange(step, n))
        for step in self.steps:
            self.settle()
            low_cell, high_cell = self.cells + (step - 1), self.cells + (step + 1)
            start = np.searchsorted(self.cells, low_cell, "left") if step else np.arange(1, n + 1)
            stop = np.searchsorted(self.cells, high_cell, "right")
            total = np.concatenate([[0], np.cumsum(stop - start)])
            low = 0
            while total[low] < total[-1]:
                if self.waiting >= max(n // 8, 1 << 16):
                    self.settle()
                high = min(low + _BLOCK, n)
                spread = (high - low) * int(stop[high - 1] - start[low])
                pairs = int(total[high] - total[low])
                if pairs > 1 << 14 and pairs > spread // 4:
                    for left in range(int(start[low]), int(stop[high - 1]), _CHUNK // _BLOCK):
                        self.compare_all(low, high, left, min(left + _CHUNK // _BLOCK, int(stop[high - 1])))
                else:
                    high = max(low + 1, int(np.searchsorted(total, total[low] + _CHUNK, "right")) - 1)
                    count = stop[low:high] - start[low:high]
                    one = np.repeat(np.arange(low, high), count)
                    other = np.arange(len(one)) + np.repeat(start[low:high] - (total[low:high] - total[low]), count)
                    self.compare(one, other)
                low = high

    def compare_all(self, low: int, high: int, left: int, right: int) -> None:
        """Compare the rows at [low, high) with those at [left, right)."""
        if self.label[low] == self.label[left] and self.change[low] >= high and self.change[left] >= right:
            return
        squares = self.left[low:high] @ self.right[left:right].T
        place = np.flatnonzero(squares <= self.reach * self.reach + self.blur)
        self.compare(low + place // (right - left), left + place % (right - left))

    def compare(self, one: Int64, other: Int64) -> None:
        """Compare pairs of places: whether they are apart so far, then by few directions, by all, and in full."""
        projected, limit = self.projected, self.reach * self.reach
        apart = self.label[one] != self.label[other]
        one, other = one[apart], other[apart]
        squares = np.zeros(len(one))
        for axis in range(projected.shape[1]):
            gap = projected[one, axis] - projected[other, axis]
            squares += gap * gap
            if axis % 4 == 0 or axis == projected.shape[1] - 1:
                close = squares <= limit
                one, other, squares = one[close], other[close], squares[close]
        one, other = self.rows[one], self.rows[other]
        for part in _parts(np.arange(len(one)), self.matrix.shape[1]):
            with np.errstate(over="ignore"):
                gaps = np.subtract(self.matrix[one[part]], self.matrix[other[part]], dtype=np.float64) / self.tolerance
                near = np.einsum("nd,nd->n", gaps, gaps) <= 1.0
            if near.any():
                self.found.append((one[part][near], other[part][near]))
                self.waiting += int(near.sum())


def _project(matrix: Array, rows: Int64, tolerance: float) -> tuple[Float64, float, float]:
    """Return the rows' coordinates along principal directions, scaled, the tolerance between them, their rounding."""
    width = matrix.shape[1]
    top = max(float(np.abs(matrix[part]).max()) for part in _parts(rows, width)) or 1.0
    sample = matrix[rows[:: -(-len(rows) // _SAMPLE)]].astype(np.float64) / top
    centre = sample.mean(axis=0)
    directions = np.linalg.svd(sample - centre, full_matrices=False)[2]
    for number in (16, 32, 64):  # as many as tell nearly all pairs apart
        few = (sample - centre) @ directions[:number].T
        squares = np.einsum("nd,nd->n", few, few)
        if (squares[:, None] + squares - 2.0 * few @ few.T <= (tolerance / top) ** 2).mean() < _TOLD_APART:
            break
    directions = directions[:number]
    projected = np.empty((len(rows), len(directions)))
    longest = 0.0
    for part in _parts(np.arange(len(rows)), width):
        scaled = matrix[rows[part]].astype(np.float64) / top - centre
        projected[part] = scaled @ directions.T
        longest = max(longest, float(np.einsum("nd,nd->n", scaled, scaled).max()))
    # Rounding moves a coordinate by less than (d + 2) eps times the row's length; the rest is to be on the safe side.
    rounding = 16.0 * (width + 16) * 2.0**-52 * longest**0.5 + 1e-300
    return projected, tolerance / top * (1.0 + 1e-9) + rounding, rounding


def _grid(projected: Float64, reach: float) -> tuple[Int64, Int64, list[int]]:
    """Return an order of the rows by their cells, these cells' numbers, and the steps to half of a cell's neighbours.

    Cells along the last direction have consecutive numbers, so that a step means the cell there and the two beside it.
    """
    used = min(3, projected.shape[1])
    coordinates = projected[:, :used] - projected[:, :used].min(axis=0)
    width = np.maximum(reach, coordinates.max(axis=0) / (1 << 20))
    indices = np.floor(coordinates / width).astype(np.int64) + 1
    sides = indices.max(axis=0) + 2  # with an empty border, so that a neighbour's number is no other cell's
    stride = np.append(np.cumprod(sides[:0:-1])[::-1], 1)
    number = indices @ stride
    order = np.argsort(number, kind="stable")
    around = itertools.product((-1, 0, 1), repeat=used - 1)
    steps = {int(np.dot(each, stride[:-1])) for each in around if each >= (0,) * (used - 1)}
    return order, number[order], sorted(steps)
