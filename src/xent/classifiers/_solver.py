"""The one solver of the linear classifiers: L-BFGS in coordinates of its own, held to a gradient norm.

The objective is convex, so a small gradient certifies the optimum and a small change of the value does not: SciPy's
tests are switched off, and the gradient is looked at here after every step.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse
from threadpoolctl import ThreadpoolController

Array = NDArray[Any]
Float64 = NDArray[np.float64]
#: Logits (n, m) → the loss summed over the rows, and its gradient, of shape and dtype of the logits.
RowLoss = Callable[[Array], tuple[float, Array]]

_BLOCK_BYTES = 1 << 22
# Pairs that L-BFGS remembers: against the usual 10, ill-conditioned problems take a quarter fewer evaluations.
_MEMORY = 20
_LINE_SEARCH = 50
# Multiplications of an evaluation, about 5 ms of one core: below it threads cost a matrix product more than they save,
# and where other programs want the cores too they make it many times slower.
_SMALL = 1 << 25


class LinearObjective:
    """(Σ_i s_i loss(W x_i + b) + (l2/2) ‖W‖²) / Σ_i s_i, in nats, for ``coef`` W (m, d) and ``intercept`` b (m,).

    Parameters
    ----------
    X
        Features (n, d), dense or SciPy CSR or CSC, float32 or float64. Parameters and the two matrix products of an
        evaluation are in its dtype, all else is float64.
    row_loss
        Gives Σ_i s_i loss of logits (n, m), and its gradient.
    row_weight
        s (n,), not negative and not all 0.
    l2
        Strength of the penalty, ≥ 0; the intercept has none.
    fit_intercept
        Whether b is free; else it stays where it starts.
    curvature
        A typical second derivative of the loss by one logit, which scales the steps: 1/4 for a sigmoid.

    Attributes
    ----------
    total, mean, std
        Σ s_i, and the weighted mean and standard deviation of each feature (d,); without an intercept the mean is 0 and
        the deviation is from 0. A deviation that rounding explains is 0.
    n_evaluations
        How often value and gradient were computed, each for two matrix products.
    """

    def __init__(
        self, X: Any, row_loss: RowLoss, row_weight: Float64, l2: float, fit_intercept: bool, curvature: float
    ) -> None:
        self.X = X
        self.row_loss = row_loss
        self.total = float(row_weight.sum())
        self.penalty = l2 / self.total
        self.fit_intercept = fit_intercept
        self.mean, self.std = _moments(X, row_weight / self.total, centre=fit_intercept)
        self.n_evaluations = 0
        # The Hessian where all logits are 0 has the diagonal curvature · std² + penalty. A feature that does not vary
        # has no gradient from the data: any scale will do.
        diagonal = curvature * self.std**2 + self.penalty
        self.coef_step = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        self.intercept_step = 1.0 / math.sqrt(curvature)

    def value_and_grad(self, coef: Array, intercept: Array) -> tuple[float, Float64, Float64]:
        """Return the objective and its gradient by ``coef`` (m, d) and by ``intercept`` (m,)."""
        self.n_evaluations += 1
        dtype = self.X.dtype
        coef = coef.astype(dtype, copy=False)  # as they will be stored, so that the certificate is of what is stored
        logits = self.X @ coef.T
        logits += intercept.astype(dtype, copy=False)
        value, dlogits = self.row_loss(logits)
        coef = coef.astype(np.float64, copy=False)
        d_coef = np.asarray(self.X.T @ dlogits, dtype=np.float64).T / self.total + self.penalty * coef
        d_intercept = dlogits.sum(axis=0, dtype=np.float64) / self.total
        return value / self.total + 0.5 * self.penalty * float(np.vdot(coef, coef)), d_coef, d_intercept

    def centred(self, d_coef: Float64, d_intercept: Float64) -> Float64:
        """Return the gradient by the coefficients of the features less their mean."""
        return d_coef - np.multiply.outer(d_intercept, self.mean)

    def gradient_norm(self, d_coef: Float64, d_intercept: Float64) -> float:
        """Return the largest entry of the gradient by the coefficients of (x - mean) / std and by their intercept.

        It does not depend on the features' units, so one tolerance fits them all.
        """
        standardised = self.centred(d_coef, d_intercept) / np.where(self.std > 0, self.std, 1.0)
        entries = [standardised.ravel(), d_intercept if self.fit_intercept else np.zeros(0)]
        return float(np.abs(np.concatenate(entries)).max(initial=0.0))


@cache
def _thread_pools() -> ThreadpoolController:
    """Return the libraries with threads of their own that SciPy brought along; finding them takes milliseconds."""
    return ThreadpoolController()


def few_threads(work: int) -> AbstractContextManager[object]:
    """Return a context in which matrix products of that many multiplications take a sensible number of threads."""
    limit: AbstractContextManager[object] = _thread_pools().limit(limits=1 if work < _SMALL else None, user_api="blas")
    return limit


@dataclass(frozen=True)
class Solution:
    """Where the solver stopped, in the dtype of X. ``stalled``: rounding ended progress before tol or max_iter did."""

    coef: Array
    intercept: Array
    value: float
    gradient_norm: float
    n_iter: int
    stalled: bool


def minimise(objective: LinearObjective, coef: Array, intercept: Array, tol: float, max_iter: int) -> Solution:
    """Go from (``coef``, ``intercept``) down to a gradient norm of ``tol``, if rounding and ``max_iter`` allow.

    L-BFGS sees v with W = v · coef_step and b = v_0 · intercept_step - W mean: centred features in steps of like
    curvature. It is a change of variables only; objective and features are as they were, sparse features sparse.
    """
    shape, n_coef = coef.shape, coef.size
    # Of the point evaluated last, which is asked for again at the start and at the end of each round:
    at, value, gradient, norm = np.zeros(0), math.inf, np.zeros(0), math.inf

    def unpack(point: Float64) -> tuple[Array, Array]:
        new_coef = point[:n_coef].reshape(shape) * objective.coef_step
        if not objective.fit_intercept:
            return new_coef, intercept
        return new_coef, point[n_coef:] * objective.intercept_step - new_coef @ objective.mean

    def pack(of_coef: Float64, of_intercept: Float64) -> Float64:
        return np.concatenate([of_coef.ravel(), of_intercept]) if objective.fit_intercept else of_coef.ravel()

    def evaluate(point: Float64) -> tuple[float, Float64]:
        nonlocal at, value, gradient, norm
        if not np.array_equal(point, at):
            value, d_coef, d_intercept = objective.value_and_grad(*unpack(point))
            norm = objective.gradient_norm(d_coef, d_intercept)
            d_coef = objective.centred(d_coef, d_intercept) * objective.coef_step
            at, gradient = point.copy(), pack(d_coef, d_intercept * objective.intercept_step)
        return value, gradient

    def stop_at_tolerance(xk: Float64) -> None:
        if norm <= tol:  # the step accepted is the one evaluated last
            raise StopIteration

    point = pack(coef / objective.coef_step, (intercept + coef @ objective.mean) / objective.intercept_step)
    evaluate(point)
    n_iter, stalled = 0, False
    while norm > tol and n_iter < max_iter and not stalled:
        before = norm
        found = optimize.minimize(
            evaluate,
            point,
            jac=True,
            method="L-BFGS-B",
            callback=stop_at_tolerance,
            options={
                "maxiter": max_iter - n_iter,
                "maxcor": _MEMORY,
                "maxls": _LINE_SEARCH,
                "maxfun": _LINE_SEARCH * (max_iter + 1),  # never the one that ends it
                "ftol": 0.0,
                "gtol": 0.0,
            },
        )
        n_iter += int(found.nit)
        point = found.x
        evaluate(point)
        # L-BFGS gives up where the value no longer falls. A fresh start finds a way on, or shows that there is none.
        stalled = norm > max(tol, 0.5 * before) and n_iter < max_iter
    new_coef, new_intercept = (part.astype(objective.X.dtype, copy=False) for part in unpack(point))
    return Solution(new_coef, new_intercept, value, norm, n_iter, stalled)


def _moments(X: Any, share: Float64, centre: bool) -> tuple[Float64, Float64]:
    """Return mean and standard deviation of each feature under row weights that sum to 1."""
    raw_mean = np.asarray(X.T @ share.astype(X.dtype), dtype=np.float64)
    mean = raw_mean if centre else np.zeros_like(raw_mean)
    is_sparse: bool = sparse.issparse(X)
    if is_sparse:
        entries = X.tocoo()
        here = share[entries.row]
        squares = (entries.data - mean[entries.col]) ** 2
        variance = np.bincount(entries.col, here * squares, X.shape[1])
        absent = 1.0 - np.bincount(entries.col, here, X.shape[1])
        variance += np.maximum(absent, 0.0) * mean**2
    else:
        variance = np.zeros_like(mean)
        n_rows = max(1, _BLOCK_BYTES // (8 * X.shape[1]))  # a few at a time: no second copy of the features
        for start in range(0, len(X), n_rows):
            block = slice(start, start + n_rows)
            variance += share[block] @ (X[block] - mean) ** 2
    std, rounding = np.sqrt(variance), 8.0 * float(np.finfo(X.dtype).eps) * np.abs(raw_mean)
    return mean, np.where(std > rounding, std, 0.0)
