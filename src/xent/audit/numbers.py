"""Numbers as the audit's result writes them: JSON knows no NaN, so what has no value is null, with its reason."""

from __future__ import annotations

import math
from typing import Any

from xent._estimates import Estimate

Json = dict[str, Any]


def number(value: float) -> float | None:
    """Return a number as JSON knows it: None for NaN and infinities."""
    value = float(value)
    return value if math.isfinite(value) else None


def short(value: float) -> float:
    """Return a point of a curve with the digits that can be seen."""
    return float(f"{value:.5g}")


def short_odds(value: float) -> float:
    """Return a probability with the digits that its odds need: near 1 it is the distance from 1 that counts."""
    rarer = min(value, 1.0 - value)
    return round(value, 4 - math.floor(math.log10(rarer))) if rarer > 0 else value


def estimate(value: Estimate) -> Json:
    """Return an estimate as JSON, with its reason where it has no value."""
    result: Json = {
        "value": number(value.value),
        "low": number(value.low),
        "high": number(value.high),
        "n": number(round(value.n, 3)),
    }
    if value.reason is not None:
        result["reason"] = value.reason
    return result
