"""Logistic regression on a few features of one number a row, some coefficients held at 0 or above: Newton, on sums.

The objective, in nats a row, is the weighted mean of ``log(1 + exp(g)) - t g`` with g = b + Σ_j c_j f_j(m), plus
c'Pc/2. The targets t are Platt's: (n₁+1)/(n₁+2) for a label 1 and 1/(n₀+2) for a label 0, n₁ and n₀ the weights of the
labels, which is what one expects of a further row with that label. So an optimum exists whatever the rows are, perfect
separation and a single class included. Source: Platt 1999; Lin, Lin & Weng 2007 (doi:10.1007/s10994-007-5018-6).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Features = Callable[[Float64], Float64]

_ROWS = 1 << 15
_MOST_STEPS = 100


class Counts(NamedTuple):
    """Distinct or single scores m, the weight of label 1 at each, and of all rows; each (n,)."""

    m: Float64
    ones: Float64
    weight: Float64

    @property
    def targets(self) -> Float64:
        """Platt's targets, the mean over the rows of each score."""
        n_one = float(self.ones.sum())
        n_zero = max(float(self.weight.sum()) - n_one, 0.0)
        n_one = min(n_one, 1e15)  # of more the target would round to 1
        share = self.ones / self.weight
        return share * ((n_one + 1.0) / (n_one + 2.0)) + (1.0 - share) / (n_zero + 2.0)


def fit_rising(
    rows: Counts,
    features: Features,
    *,
    rising: bool = True,
    penalty: Float64 | None = None,
    start: tuple[float, Float64] | None = None,
    tolerance: float = 1e-22,
) -> tuple[float, Float64]:
    """Return (b, c) of least loss; ``rising``: with c ≥ 0. Memory: a few arrays (n,), features of some rows at a time.

    Newton's method, projected on c ≥ 0 (Bertsekas 1982, doi:10.1137/0320018). Features are centred and scaled first, so
    that units do not matter; one that is constant, or as good as that beside the largest, gets c = 0. It begins at a
    (b, c) that is given as ``start``, and ends with a step that promises less than ``tolerance`` of the loss: its error
    is the square root of that, before the step.
    """
    problem = _Problem(rows, features, penalty)
    bounded = np.append(False, np.full(len(problem.scale), rising))
    theta = np.zeros(len(bounded))
    theta[0] = np.log(problem.mean_target / (1.0 - problem.mean_target))
    if start is not None:
        theta[0] = start[0] + start[1] @ problem.centre
        theta[1:] = start[1] * np.where(np.isfinite(problem.scale), problem.scale, 0.0)
    value, gradient, hessian = problem(theta)
    for _ in range(_MOST_STEPS):
        free = ~(bounded & (theta <= 0.0) & (gradient >= 0.0))
        step = np.zeros_like(theta)
        step[free] = np.linalg.lstsq(hessian[np.ix_(free, free)], -gradient[free], rcond=1e-13)[0]
        promised = -float(gradient @ step)
        length = 1.0
        while True:
            trial = theta + length * step
            trial[bounded] = np.maximum(trial[bounded], 0.0)
            found = problem(trial)
            near = promised < 1e-11 * max(value, 1e-300)  # where rounding hides the descent
            if near or found[0] <= value - 1e-4 * float(gradient @ (theta - trial)) or length < 1e-9:
                break
            length /= 2.0
        theta, (value, gradient, hessian) = trial, found
        if promised < tolerance * max(value, 1e-300):
            break
    coefficients = theta[1:] / problem.scale
    return float(theta[0] - coefficients @ problem.centre), coefficients


class _Problem:
    """Value, gradient and Hessian by (b, c) of centred and scaled features."""

    def __init__(self, rows: Counts, features: Features, penalty: Float64 | None) -> None:
        self.rows, self.features = rows, features
        self.share = rows.weight / rows.weight.sum()
        self.targets = rows.targets
        self.mean_target = float(self.share @ self.targets)
        self._whole = features(rows.m) if len(rows.m) <= _ROWS else None
        size = features(rows.m[:1]).shape[1]
        self.centre, spread = np.zeros(size), np.zeros(size)
        for part, x in self._parts():
            self.centre += self.share[part] @ x
        for part, x in self._parts():
            spread += self.share[part] @ (x - self.centre) ** 2
        spread = np.sqrt(spread)
        self.scale = np.where(spread > 1e-8 * spread.max(initial=0.0), spread, np.inf)
        self.penalty = np.zeros((size + 1, size + 1))
        if penalty is not None:
            self.penalty[1:, 1:] = penalty / np.outer(self.scale, self.scale)

    def _parts(self) -> Iterator[tuple[slice, Float64]]:
        for begin in range(0, len(self.rows.m), _ROWS):
            part = slice(begin, begin + _ROWS)
            yield part, self.features(self.rows.m[part]) if self._whole is None else self._whole

    def __call__(self, theta: Float64) -> tuple[float, Float64, Float64]:
        gradient = self.penalty @ theta
        value, hessian = 0.5 * float(theta @ gradient), self.penalty.copy()
        for part, x in self._parts():
            design = np.empty((len(x), len(theta)))
            design[:, 0] = 1.0
            design[:, 1:] = (x - self.centre) / self.scale
            g, t, share = design @ theta, self.targets[part], self.share[part]
            rest = np.exp(-np.abs(g))
            value += float(share @ (np.maximum(g, 0.0) + np.log1p(rest) - t * g))
            p = np.where(g >= 0, 1.0, rest) / (1.0 + rest)
            gradient = gradient + (share * (p - t)) @ design
            hessian += (design * (share * rest / (1.0 + rest) ** 2)[:, None]).T @ design
        return value, gradient, hessian
