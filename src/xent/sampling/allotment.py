"""Which side each set of rows goes to, so that every class is divided as the sizes ask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xent.kernels.numpy import mix64

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

#: So many sets, the smallest of several rows, are moved about after all have been placed, at most.
_MOVABLE = 500
_NUMBERS = 1 << 18
_SWEEPS = 5


def allot(sets: Int64, labels: Int64, shares: Float64, seed: int) -> Int64:
    """Return the side of each set (its rows' numbers in ``sets`` (n,), from 0), by the classes (n,) of its rows.

    Least is to be Σ_s (Σ_k (have_sk / n_k - share_s)² + K/4 (have_s / n - share_s)²) / share_s.
    """
    table = _Table(sets, labels, shares)
    random = np.random.default_rng(seed)
    order = np.lexsort((random.permutation(table.n_sets), table.kind))
    starts = np.flatnonzero(np.diff(table.kind[order], prepend=-1))
    stops = np.append(starts[1:], table.n_sets)
    first = order[starts]
    side = np.empty(table.n_sets, dtype=np.int64)
    for at in np.lexsort((random.permutation(len(starts)), -table.rows[first])):
        alike = order[starts[at] : stops[at]]
        counts = table.place(int(first[at]), len(alike))
        side[alike] = np.repeat(np.arange(len(shares)), counts)
    table.improve(side, random)
    _fill_empty(side, table.rows, len(shares))
    return side


class _Table:
    """The rows of each class, and in all (the last column), that the sides have and want, as shares of the class."""

    def __init__(self, sets: Int64, labels: Int64, shares: Float64) -> None:
        self.shares = shares
        self.n_sets = int(sets.max()) + 1
        n_classes = int(labels.max()) + 1
        cells, counts = np.unique(sets * n_classes + labels, return_counts=True)
        self.owner, self.column = cells // n_classes, cells % n_classes
        self.rows = np.bincount(sets, minlength=self.n_sets)
        # Sets of one kind have the same rows of each class. (Two kinds under one hash would be placed a bit less well.)
        words = mix64(self.column.astype(np.uint64)) * mix64(counts.astype(np.uint64) + np.uint64(1 << 32))
        hashes = np.zeros(self.n_sets, dtype=np.uint64)
        np.add.at(hashes, self.owner, words)
        self.kind: Int64 = np.unique(hashes, return_inverse=True)[1]
        self.value = counts / np.bincount(labels)[self.column]
        self.total = self.rows / len(sets)
        self.first = np.searchsorted(self.owner, np.arange(self.n_sets + 1))
        self.have = np.zeros((len(shares), n_classes + 1))
        self.weight = np.append(np.ones(n_classes), n_classes / 4)

    def of(self, one: int) -> tuple[Int64, Float64, Float64]:
        """Return the columns of a set, what it adds to each, and their weights."""
        part = slice(self.first[one], self.first[one + 1])
        columns = np.append(self.column[part], self.have.shape[1] - 1)
        return columns, np.append(self.value[part], self.total[one]), self.weight[columns]

    def place(self, one: int, count: int) -> Int64:
        """Give that many sets like this one to the sides; return how many each side got."""
        columns, adds, weights = self.of(one)
        shares = self.shares
        curvature = float(weights @ (adds * adds))
        lack = (shares[:, None] - self.have[:, columns]) @ (weights * adds)
        best = lack / curvature  # if any amounts would do; one more on a side costs curvature / its share
        amounts = _fill(best, shares, count)
        counts = np.floor(amounts + 1e-9).astype(np.int64)
        left = count - int(counts.sum())
        if self.rows[one] == 1:  # each side gets its amount, rounded: up where most rows are lacking so far
            total = self.have[:, -1] + counts * self.total[one]
            lacking = shares * (total.sum() + left * self.total[one]) - total
            lacking[amounts <= counts + 1e-9] = -np.inf
            counts[np.argsort(-lacking, kind="stable")[:left]] += 1
        else:
            for _ in range(left):
                counts[((counts + 0.5 - best) / shares).argmin()] += 1
        self.have[:, columns] += counts[:, None] * adds
        return counts

    def improve(self, side: Int64, random: np.random.Generator) -> None:
        """Move sets, or exchange two, while that brings the shares closer; ``side`` is changed in place.

        Moving a set with shares a from side s to t changes the sum to be minimised by (|a|² - 2 a·r_s) / share_s +
        (|a|² + 2 a·r_t) / share_t, r being what a side has too much; exchanging it for b by both moves' changes, less
        2 a·b (1 / share_s + 1 / share_t).
        """
        some = np.lexsort((random.permutation(self.n_sets), self.rows))
        some = some[self.rows[some] > 1][: min(_MOVABLE, _NUMBERS // self.have.shape[1])]
        adds = np.zeros((len(some), self.have.shape[1]))
        for at, one in enumerate(some):
            columns, values, _ = self.of(int(one))
            adds[at, columns] = values
        weighted = adds * self.weight
        squares = np.einsum("ij,ij->i", adds, weighted)
        excess = (self.have - self.shares[:, None]) @ weighted.T
        held, inverse = side[some], 1.0 / self.shares
        everyone = np.arange(len(some))
        for _ in range(_SWEEPS):
            changed = False
            for i in random.permutation(len(some)):
                source, dots = held[i], adds @ weighted[i]
                out = (squares - 2.0 * excess[held, everyone]) * inverse[held]
                moves = out[i] + (squares[i] + 2.0 * excess[:, i]) * inverse
                moves[source] = 0.0
                swaps = moves[held] + out + (squares + 2.0 * excess[source]) * inverse[source]
                swaps -= 2.0 * dots * (inverse[source] + inverse[held])
                swaps[held == source] = 0.0
                j, goal = int(swaps.argmin()), int(moves.argmin())
                if min(swaps[j], moves[goal]) > -1e-9:
                    continue
                changed = True
                step = dots
                if swaps[j] < moves[goal]:
                    goal, step = int(held[j]), dots - adds @ weighted[j]
                    held[j] = source
                held[i] = goal
                excess[source] -= step
                excess[goal] += step
            if not changed:
                break
        side[some] = held


def _fill_empty(side: Int64, rows: Int64, n_sides: int) -> None:
    """Move the smallest set of a side that has several to each side that has none."""
    for empty in np.flatnonzero(np.bincount(side, minlength=n_sides) == 0):
        several = np.bincount(side, minlength=n_sides)[side] > 1
        side[np.where(several, rows, rows.max() + 1).argmin()] = empty


def _fill(best: Float64, shares: Float64, count: int) -> Float64:
    """Return x ≥ 0 of sum ``count`` with the least Σ (x - best)² / shares: best + λ shares where that is positive."""
    taking = np.ones(len(best), dtype=bool)
    while True:
        level = (count - best[taking].sum()) / shares[taking].sum()
        amounts = np.where(taking, best + level * shares, 0.0)
        if (amounts >= 0).all():
            return amounts
        taking &= amounts > 0
