"""Numbers with their uncertainty: an estimate, its 95 % interval, and the rows it rests on."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: The 97.5 % point of the normal distribution: all intervals are two-sided at 95 %.
Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; ``n`` is the (effective) number of rows, ``reason`` says why one is missing."""

    value: float
    low: float
    high: float
    n: float
    reason: str | None = None


def missing(reason: str, n: float = 0.0) -> Estimate:
    """Return the estimate that could not be made."""
    return Estimate(math.nan, math.nan, math.nan, n, reason)


def effective_size(weight_sum: float, weight_squares: float) -> float:
    """Return Kish's effective number of rows, (Σw)²/Σw²; without weights the number of rows itself."""
    return weight_sum * weight_sum / weight_squares if weight_squares > 0 else 0.0


def wilson(share: float, n: float, empty: str = "no rows") -> Estimate:
    """Return a share of n rows with Wilson's score interval, which never leaves [0, 1] and is honest at 0 and 1.

    Source: Wilson 1927 (doi:10.1080/01621459.1927.10502953).
    """
    if not n > 0:
        return missing(empty)
    share = min(max(share, 0.0), 1.0)  # sums of weights round
    spread = Z95 * Z95 / n
    centre = (share + spread / 2) / (1 + spread)
    half = Z95 * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    low = 0.0 if share <= 0 else max(centre - half, 0.0)
    high = 1.0 if share >= 1 else min(centre + half, 1.0)
    return Estimate(share, low, high, n)


def normal(mean: float, standard_error: float, n: float) -> Estimate:
    """Return a mean with its normal interval, mean ± 1.96 standard errors."""
    return Estimate(mean, mean - Z95 * standard_error, mean + Z95 * standard_error, n)
