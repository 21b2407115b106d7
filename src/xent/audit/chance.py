"""How likely chance alone makes what a finding would report: exact tests, however few the rows."""

from __future__ import annotations

import math
from collections.abc import Callable


def fisher(wrong: int, n: int, rest_wrong: int, rest_n: int) -> float:
    """Return how often, if all mistakes were dealt out at random, this slice would get at least as many of them.

    One-sided; exact however few the mistakes are, where a normal approximation is not.
    """
    mistakes, rows = wrong + rest_wrong, n + rest_n
    first = _log_choose(mistakes, wrong) + _log_choose(rows - mistakes, n - wrong) - _log_choose(rows, n)

    def ratio(k: int) -> float:
        return (mistakes - k) * (n - k) / ((k + 1) * (rows - mistakes - n + k + 1))

    return _tail(first, ratio, wrong, min(n, mistakes))


def binomial(wrong: int, n: int, chance: float) -> float:
    """Return how often n rows, each wrong with this chance, have at least so many mistakes; exact as :func:`fisher`."""
    if wrong == 0 or chance >= 1.0:
        return 1.0
    if chance <= 0.0:
        return 0.0
    first = _log_choose(n, wrong) + wrong * math.log(chance) + (n - wrong) * math.log1p(-chance)
    return _tail(first, lambda k: (n - k) / (k + 1) * chance / (1 - chance), wrong, n)


def _log_choose(of: int, k: int) -> float:
    return math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)


def _tail(log_first: float, ratio: Callable[[int], float], start: int, end: int) -> float:
    """Return the sum of terms from ``start`` to ``end``, of which ``ratio(k)`` is the next one's to the k-th."""
    term = total = 1.0
    for k in range(start, end):
        step = ratio(k)
        term *= step
        total += term
        if step < 1.0 and term < 1e-12 * total:
            break
    return min(1.0, math.exp(min(log_first + math.log(total), 0.0)))


def chance_to_miss(n: int, goal: float) -> float:
    """Return how often the highest threshold that reaches a recall on n rows has a lower recall on new ones.

    It is the k-th lowest of the n scores, k = n - ceil(goal n) + 1, and its recall has the distribution Beta(n + 1 - k,
    k): it is below the goal with the probability that of n rows fewer than k fall below the quantile 1 - goal.
    """
    k = n - math.ceil(goal * n * (1 - 1e-12)) + 1
    return sum(math.comb(n, i) * (1 - goal) ** i * goal ** (n - i) for i in range(k))
