"""The rules of a policy, as formulas: NumPy runs them, PyTorch runs them, and they are what is printed as code.

Each is written in what both have in common. ``flags`` says which probabilities reach their thresholds, ``top`` is the
largest class of a row, -1 in a row of NaN; a rule returns the class decided, -1 where a person should look.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def as_logits(xp: Any, scores: Any) -> Any:
    """Return logits as they are."""
    return scores


def log_of_probs(xp: Any, scores: Any) -> Any:
    """Return the logarithms of probabilities, NaN in a row that is no distribution."""
    off = xp.abs(xp.sum(scores, axis=1, keepdims=True) - 1.0)
    good = (xp.amin(scores, axis=1, keepdims=True) >= 0.0) & (off <= 0.01)
    return xp.where(good, xp.log(scores), xp.nan)


def softmax(xp: Any, z: Any) -> Any:
    """Return softmax(z), NaN in a row without a distribution."""
    e = xp.exp(z - xp.amax(z, axis=1, keepdims=True))
    return e / xp.sum(e, axis=1, keepdims=True)


def look(xp: Any, probs: Any, thresholds: Any) -> Any:
    """Return (flags, top)."""
    return probs >= thresholds, xp.where(xp.isnan(probs[:, 0]), -1, xp.argmax(probs, axis=1))


def alone(xp: Any, probs: Any, flags: Any, top: Any) -> Any:
    """Decide the class that is flagged, if it is the only one."""
    return xp.where(xp.sum(flags, axis=1) == 1, xp.argmax(xp.where(flags, 1.0, 0.0), axis=1), -1)


def largest(xp: Any, probs: Any, flags: Any, top: Any, columns: Any) -> Any:
    """Decide the most probable class, if it is flagged."""
    return xp.where(xp.sum(flags & (columns == top[:, None]), axis=1) == 1, top, -1)


def least_cost(xp: Any, probs: Any, flags: Any, top: Any, cost: Any, reject_cost: Any) -> Any:
    """Decide the class of least expected cost, if a rejection does not cost less."""
    expected = xp.matmul(probs, cost)
    return xp.where(xp.amin(expected, axis=1) <= reject_cost, xp.argmin(expected, axis=1), -1)


RULES: dict[str, Callable[..., Any]] = {"alone": alone, "top": largest, "cost": least_cost}
