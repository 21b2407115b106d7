"""Penalised softmax regression on K features a row, one a class: Newton's method with conjugate gradients, on sums.

The calibrated logits are ``x + D x + b``: the features x themselves where all parameters are 0, which is where a
calibrator starts and where its penalties pull. The objective is

    ( Σ_i s_i CE(x_i + D x_i + b, y_i)  +  (1/2) Σ_j strength_j θ_j² ) / Σ_i s_i        in nats a row, θ = (D, b)

with every strength above 0: strictly convex, with one optimum, which a small gradient certifies. A parameter of
infinite strength stays 0. Value, gradient and products with the Hessian are sums over rows, taken a part at a time: no
copy of the logits is held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xent.kernels import backend_for

Array = NDArray[Any]
Float64 = NDArray[np.float64]
Part = tuple[Float64, NDArray[np.int64], Float64]

#: What the largest entry of the gradient is held to, in nats a row.
TOLERANCE = 1e-9
_MOST_STEPS = 100
_MOST_PRODUCTS = 500
_ENTRIES = 1 << 18  # of the logits at a time: 2 MB an array, of which a handful are held
_FEW = 1 << 20  # up to so many logits, what is made of them is held: 8 MB an array


class Rows:
    """Features, labels and weights of the rows, a part at a time; ``features`` makes float64 of a part of the logits.

    The features of few rows are made once and held.
    """

    def __init__(
        self, logits: Array, target: NDArray[np.int64], weight: Float64, features: Callable[[Array], Float64]
    ) -> None:
        self.logits, self.target, self.weight, self.features = logits, target, weight, features
        self.total = float(weight.sum())
        self.few = logits.size <= _FEW
        self._held = list(self._parts()) if self.few else []

    def __iter__(self) -> Iterator[Part]:
        return iter(self._held) if self.few else self._parts()

    def every(self, stride: int) -> Rows:
        """Return every so many of the rows, without copying their logits."""
        return Rows(self.logits[::stride], self.target[::stride], self.weight[::stride], self.features)

    def _parts(self) -> Iterator[Part]:
        size = max(1, _ENTRIES // self.logits.shape[1])
        for start in range(0, len(self.logits), size):
            part = slice(start, start + size)
            yield self.features(self.logits[part]), self.target[part], self.weight[part]


class Form(Protocol):
    """Which parameters there are, as one array: how they act on features, and how rows act on them."""

    def strengths(self, intercept: float, diagonal: float, off_diagonal: float) -> Float64:
        """Return the strengths in the shape of the parameters."""

    def apply(self, x: Float64, theta: Float64) -> Float64:
        """Return D x + b of each row."""

    def gather(self, x: Float64, residual: Float64) -> Float64:
        """Return the transpose of :meth:`apply`: Σ_i of the derivatives by D x + b times those by the parameters."""

    def solver(self, rows: Rows, strengths: Float64) -> Callable[[Float64], Float64]:
        """Return a cheap approximate inverse of the Hessian of the sum where all parameters are 0."""


class Diagonal:
    """D diagonal: parameters (K, 2), each class's slope and intercept."""

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes

    def strengths(self, intercept: float, diagonal: float, off_diagonal: float) -> Float64:
        return np.tile(np.array([diagonal, intercept], dtype=np.float64), (self.n_classes, 1))

    def apply(self, x: Float64, theta: Float64) -> Float64:
        result: Float64 = x * theta[:, 0]
        result += theta[:, 1]
        return result

    def gather(self, x: Float64, residual: Float64) -> Float64:
        return np.stack([np.einsum("ik,ik->k", x, residual), residual.sum(axis=0)], axis=1)

    def solver(self, rows: Rows, strengths: Float64) -> Callable[[Float64], Float64]:
        """Return the inverse of the blocks of the Hessian that belong to one class each."""
        blocks = np.zeros((self.n_classes, 2, 2))
        for x, _, weight in rows:
            spread = _spread(x) * weight[:, None]
            blocks[:, 1, 1] += spread.sum(axis=0)
            spread *= x
            blocks[:, 0, 1] += spread.sum(axis=0)
            blocks[:, 0, 0] += np.einsum("ik,ik->k", spread, x)
        blocks[:, 1, 0] = blocks[:, 0, 1]
        blocks[:, range(2), range(2)] += strengths
        inverse = np.linalg.inv(blocks)
        return lambda gradient: np.einsum("kab,kb->ka", inverse, gradient)


class Full:
    """D any matrix: parameters (K, K + 1), row k of D and intercept k."""

    def __init__(self, n_classes: int) -> None:
        self.n_classes = n_classes

    def strengths(self, intercept: float, diagonal: float, off_diagonal: float) -> Float64:
        result = np.full((self.n_classes, self.n_classes + 1), float(off_diagonal))
        np.fill_diagonal(result, diagonal)
        result[:, -1] = intercept
        return result

    def apply(self, x: Float64, theta: Float64) -> Float64:
        result: Float64 = x @ theta[:, :-1].T
        result += theta[:, -1]
        return result

    def gather(self, x: Float64, residual: Float64) -> Float64:
        return np.concatenate([residual.T @ x, residual.sum(axis=0)[:, None]], axis=1)

    def solver(self, rows: Rows, strengths: Float64) -> Callable[[Float64], Float64]:
        """Return the inverse of a block a class, c_k S + strengths: S the moments of (x, 1) where there is doubt.

        c_k is the class's share of Σ_k p_k (1 - p_k), so that the blocks sum to what they stand for. One eigenbasis
        serves them all; the diagonal's own strength is a correction of rank one in each.
        """
        moments = np.zeros((self.n_classes + 1, self.n_classes + 1))
        spreads = np.zeros(self.n_classes)
        for x, _, weight in rows:
            spread = _spread(x) * weight[:, None]
            spreads += spread.sum(axis=0)
            extended = np.concatenate([x, np.ones((len(x), 1))], axis=1)
            moments += (extended * spread.sum(axis=1)[:, None]).T @ extended
        share = spreads / max(float(spreads.sum()), 1e-300)
        common = np.append(np.full(self.n_classes, strengths[0, 1]), strengths[0, -1])
        size = 1.0 / np.sqrt(common)
        values, basis = np.linalg.eigh(size[:, None] * moments * size)
        basis = size[:, None] * basis
        damping = 1.0 / (1.0 + share[:, None] * np.maximum(values, 0.0))
        each = np.arange(self.n_classes)
        extra = strengths[0, 0] - strengths[0, 1]
        columns = (basis[:-1] * damping) @ basis.T  # of the inverses without the correction: column k of block k
        factor = extra / (1.0 + extra * columns[each, each])

        def solve(gradient: Float64) -> Float64:
            result: Float64 = ((gradient @ basis) * damping) @ basis.T
            result -= (factor * result[each, each])[:, None] * columns
            return result

        return solve


def _spread(x: Float64) -> Float64:
    """Return p (1 - p) of every class of every row."""
    probs = backend_for(x).row_softmax(x)
    result: Float64 = probs * (1.0 - probs)
    return result


@dataclass(frozen=True)
class Solution:
    """The parameters, the objective there, its largest gradient (nats a row), whether that is small, and the steps."""

    theta: Float64
    value: float
    gradient: float
    converged: bool
    n_steps: int


def minimise(
    rows: Rows, form: Form, strengths: Float64, start: Float64 | None = None, tolerance: float = TOLERANCE
) -> Solution:
    """Return the optimum: Newton steps, each found by preconditioned conjugate gradients.

    A step is halved until the objective falls as the slope promises, but for what rounding hides of it: near the
    optimum whole steps are taken, and they square the error. It ends early where two steps in a row bring nothing.

    Value and gradient are of all rows. The curvature of many is taken from some of them, and from more where steps then
    bring too little: what is reached does not depend on it.
    """
    problem = _Problem(rows, form, strengths)
    theta = np.zeros_like(strengths) if start is None else start
    value, gradient = problem.value_and_gradient(theta)
    norm = float(np.abs(gradient).max())
    steps, stalls = 0, 0
    while norm > tolerance and steps < _MOST_STEPS and stalls < 2:
        steps += 1
        step = problem.newton_step(theta, gradient)
        slope, length, rounding = float(np.vdot(gradient, step)), 1.0, 1e-13 * abs(value)
        trial_value, trial_gradient = problem.value_and_gradient(theta + step)
        while not trial_value <= value + 1e-4 * length * slope + rounding and length > 1e-9:
            length /= 2.0
            trial_value, trial_gradient = problem.value_and_gradient(theta + length * step)
        trial_norm = float(np.abs(trial_gradient).max())
        falls = trial_norm < 0.5 * norm or trial_value < value - rounding
        stalls = 0 if falls or problem.stride > 1 else stalls + 1
        if trial_norm > 0.3 * norm:
            problem.look_closer()
        if falls or trial_norm < norm:
            theta, value, gradient, norm = theta + length * step, trial_value, trial_gradient, trial_norm
    return Solution(theta, value, norm, norm <= tolerance, steps)


class _Problem:
    """The objective over the parameters that are free: its value, gradient and Newton step."""

    def __init__(self, rows: Rows, form: Form, strengths: Float64) -> None:
        self.rows, self.form = rows, form
        self.free = np.isfinite(strengths)
        self.strengths = np.where(self.free, strengths, 0.0)
        self._solver: Callable[[Float64], Float64] | None = None
        self._given = strengths
        self.stride = -(-rows.logits.size // _FEW)
        self.sample = rows.every(self.stride) if self.stride > 1 else rows

    def look_closer(self) -> None:
        """Take the curvature from four times as many rows."""
        if self.stride > 1:
            self.stride = max(1, self.stride // 4)
            self.sample = self.rows.every(self.stride) if self.stride > 1 else self.rows
            self._solver = None

    def value_and_gradient(self, theta: Float64) -> tuple[float, Float64]:
        value, gradient = 0.5 * float(np.vdot(self.strengths, theta**2)), self.strengths * theta
        for x, target, weight in self.rows:
            z = x + self.form.apply(x, theta)
            stats, residual = backend_for(z).row_stats_and_grad(z, weight, -weight, target)
            value += float((weight * (stats.log_sum - stats.target_logit)).sum())
            gradient += self.form.gather(x, residual)
        return value / self.rows.total, gradient * self.free / self.rows.total

    def newton_step(self, theta: Float64, gradient: Float64) -> Float64:
        """Return -H⁻¹ gradient, the more exactly the smaller the gradient: the steps then converge superlinearly."""
        held = list(self._curves(theta)) if self.sample.few else None
        step, residual = np.zeros_like(gradient), -gradient
        conditioned = self._solve(residual)
        direction = conditioned
        product = float(np.vdot(residual, conditioned))
        enough = min(0.01, float(np.abs(gradient).max()) if self.stride == 1 else 0.01) * product
        for _ in range(_MOST_PRODUCTS):
            curved = self._hessian_product(self._curves(theta) if held is None else held, direction)
            length = product / float(np.vdot(direction, curved))
            step = step + length * direction
            residual = residual - length * curved
            conditioned = self._solve(residual)
            product, before = float(np.vdot(residual, conditioned)), product
            if product <= enough:
                break
            direction = conditioned + (product / before) * direction
        return step

    def _solve(self, residual: Float64) -> Float64:
        total = self.sample.total
        if self._solver is None:
            strengths = np.minimum(self._given, 1e15 * self.rows.total) * (total / self.rows.total)
            self._solver = self.form.solver(self.sample, strengths)
        return self._solver(residual * total) * self.free

    def _curves(self, theta: Float64) -> Iterator[tuple[Float64, Float64, Float64]]:
        """Yield features, probabilities at ``theta`` and weights of each part: what the Hessian is made of."""
        for x, _, weight in self.sample:
            z = x + self.form.apply(x, theta)
            yield x, backend_for(z).row_softmax(z), weight

    def _hessian_product(self, curves: Iterable[tuple[Float64, Float64, Float64]], direction: Float64) -> Float64:
        result = np.zeros_like(direction)
        for x, probs, weight in curves:
            moved = self.form.apply(x, direction)
            moved -= np.einsum("ik,ik->i", probs, moved)[:, None]
            moved *= probs
            moved *= weight[:, None]
            result += self.form.gather(x, moved)
        result /= self.sample.total
        result += self.strengths * direction / self.rows.total
        return result * self.free
