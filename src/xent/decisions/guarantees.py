"""Exact statements about rates that were not seen, from counts that were: what thresholds with a guarantee rest on.

The rows are taken for independent draws of one law (the meaning of exchangeable for rows without end); nothing is
supposed of that law. A threshold is then wrong about new rows with at most the chance said, over the draw of the
rows that it was chosen on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

#: Thresholds that a sequence tests first, and at most, at a time: it may end early.
_FIRST, _MOST = 128, 8192


def _special(function: str) -> Any:
    try:
        from scipy import special
    except ImportError as error:
        raise ImportError(
            f"{function}: a confidence needs SciPy, for exact binomial tails; it is not installed\n\n"
            "hint: pip install 'xent[audit]', or leave confidence out for the empirical choice"
        ) from error
    return special


def allowed_errors(function: str, n: int, share: float, confidence: float) -> int:
    """Return how many of n rows may err while their law's share of right rows is proven to be at least ``share``.

    It is the largest c with P(Bin(n, 1 - share) ≤ c) = P(Beta(n - c, c + 1) ≤ share) ≤ 1 - confidence, -1 where there
    is none. The (c + 1)-th lowest of n scores then has at least ``share`` of their law at or above it with at least
    that confidence: exactly Beta(n - c, c + 1) of it where scores do not tie, and more where they do.

    >>> allowed_errors("example", 299, 0.99, 0.95), allowed_errors("example", 298, 0.99, 0.95)
    (0, -1)
    """
    betainc = _special(function).betainc
    level = (1.0 - confidence) * (1.0 + 1e-12)
    low, high = -1, n  # the answer lies in [low, high)
    while high - low > 1:
        middle = (low + high) // 2
        if betainc(n - middle, middle + 1, share) <= level:
            low = middle
        else:
            high = middle
    return low


def at_least(function: str, hits: Float64, n: Float64, share: float) -> Float64:
    """Return P(Bin(n, share) ≥ hits): the p-value of "the share of hits is at most ``share``", entry by entry."""
    tail = _special(function).betainc(np.maximum(hits, 1.0), n - hits + 1.0, share)
    return np.where(hits > 0, tail, 1.0)


def at_most(function: str, errors: Float64, n: float, share: float) -> Float64:
    """Return P(Bin(n, share) ≤ errors): the p-value of "the share of errors is at least ``share``", entry by entry."""
    below = np.minimum(errors, n - 1.0)
    return np.where(errors < n, _special(function).betainc(n - below, below + 1.0, 1.0 - share), 1.0)


def mean_at_most(function: str, totals: Float64, n: float, limit: float) -> Float64:
    """Return p-values of "the mean is at least ``limit``" for sums of n values in [0, 1], by Hoeffding and Bentkus.

    min(exp(-n KL(mean, limit)), e · P(Bin(n, limit) ≤ ⌈total⌉)), with limit in (0, 1). Values that are all 0 or 1 have
    the exact :func:`at_most`.

    Source: Bates et al. 2021 (arXiv:2101.02703); Angelopoulos et al. 2021 (arXiv:2110.01052).
    """
    special = _special(function)
    mean = np.minimum(totals / n, limit)
    divergence = special.rel_entr(mean, limit) + special.rel_entr(1.0 - mean, 1.0 - limit)
    bentkus = math.e * at_most(function, np.ceil(totals), n, limit)
    return cast(Float64, np.minimum(np.minimum(np.exp(-n * divergence), bentkus), 1.0))


def rejections(p_values: Callable[[slice], Float64], length: int, level: float) -> int:
    """Return how many hypotheses of a sequence are rejected before the first that is not.

    Where the order was fixed before the data were seen, a true hypothesis is among the rejected with a chance of at
    most ``level``: the first true one in the order would have to be rejected, and that alone has no greater chance.
    So it costs nothing to test every threshold on the way, and none is lost between the points of a grid.

    Source: Bauer 1991 (doi:10.1002/sim.4780100609); Angelopoulos et al. 2021 (arXiv:2110.01052).
    """
    start, step = 0, _FIRST
    while start < length:
        failed = p_values(slice(start, min(start + step, length))) > level
        if failed.any():
            return start + int(failed.argmax())
        start, step = start + step, min(2 * step, _MOST)
    return length


def surest(flagged: Float64, hits: Float64, share: float) -> int:
    """Return where a share of hits exceeds ``share`` by most standard errors: where a sequence of tests begins.

    Four rows of just that share are added, so that the first few do not decide. The rows must be others than those that
    are tested.
    """
    return int(((hits - share * flagged) / (flagged + 4.0) * np.sqrt(flagged)).argmax())
