"""What numbers should be, for comparisons with peers: definitions written out, in exact sums or in 40 digits."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np

Array = np.ndarray


def binned(stated: Array, right: Array, n_bins: int) -> tuple[float, float, float]:
    """Return Σ (n_b/n) |gap_b|, its square-mean root and max |gap_b| of bins [b/B, (b+1)/B), the last with 1.0."""
    index = np.searchsorted(np.arange(1, n_bins) / n_bins, stated, side="right")
    sizes, gaps = [], []
    for b in np.unique(index):
        rows = index == b
        sizes.append(rows.sum() / len(index))
        gaps.append(abs(math.fsum(stated[rows]) - int(right[rows].sum())) / rows.sum())
    both = list(zip(sizes, gaps, strict=True))
    return math.fsum(s * g for s, g in both), math.sqrt(math.fsum(s * g * g for s, g in both)), max(gaps)


def temperature(logits: Array, label: Array) -> float:
    """Return the temperature of least cross-entropy: the root of Σ (E[z] - z_y) = 0 in 1/T."""
    with mpmath.workdps(40):
        rows = [[mpmath.mpf(float(z)) for z in row] for row in logits]

        def slope(beta: mpmath.mpf) -> mpmath.mpf:
            total = mpmath.mpf(0)
            for z, y in zip(rows, label, strict=True):
                weights = [mpmath.exp(beta * (each - max(z))) for each in z]
                total += mpmath.fdot(weights, z) / mpmath.fsum(weights) - z[y]
            return total

        return float(1 / mpmath.findroot(slope, (0.3, 0.7), solver="anderson", tol=1e-50))


def of_one_score(m: float, n_classes: int, share: float) -> float:
    """Return the temperature of rows with one logit m, the others 0, a share of them right."""
    return m / math.log((n_classes - 1) * share / (1 - share))


def logistic(features: Array, targets: Array) -> Array:
    """Return (intercept, coefficients) of least mean log(1 + exp g) - t g, by Newton's method in 40 digits."""
    with mpmath.workdps(40):
        rows = [mpmath.matrix([1, *map(float, row)]) for row in features]
        theta = mpmath.matrix([0] * len(rows[0]))
        for _ in range(60):
            gradient, hessian = theta * 0, mpmath.zeros(len(theta))
            for x, t in zip(rows, targets, strict=True):
                p = 1 / (1 + mpmath.exp(-(x.T * theta)[0]))
                gradient += (p - mpmath.mpf(float(t))) * x
                hessian += p * (1 - p) * (x * x.T)
            step = mpmath.lu_solve(hessian, gradient)
            theta -= step
            if mpmath.norm(step) < 1e-30:
                break
        return np.array([float(each) for each in theta])


def isotonic_with(m: Array, y: Array, score: float, label: int) -> float:
    """Return the isotonic value at a score of rows and one further row: min over ends of max over starts of means."""
    index = np.unique(np.append(m, score), return_inverse=True)[1]
    ones = np.append(0.0, np.cumsum(np.bincount(index, np.append(y, label))))
    size = np.append(0.0, np.cumsum(np.bincount(index)))
    at = int(index[-1])
    means = (ones[None, at + 1 :] - ones[: at + 1, None]) / (size[None, at + 1 :] - size[: at + 1, None])
    return float(means.max(axis=0).min())


def smooth(y: Array, p: Array, sigma: float) -> float:
    """Return ∫ |Σ (y - p) K_σ(t, p)| dt / n with the Gaussian kernel reflected at 0 and 1, by the trapezoidal rule."""
    t = np.linspace(0.0, 1.0, 200_001)
    density = np.zeros_like(t)
    for each, happened in zip(p, y, strict=True):
        for image in range(-4, 5):
            for sign in (-1, 1):
                density += (happened - each) * np.exp(-0.5 * ((t - 2 * image - sign * each) / sigma) ** 2)
    return float(np.trapezoid(np.abs(density), t)) / (sigma * math.sqrt(2 * math.pi) * len(p))


def penalised(x: Array, label: Array, matrix: Array, bias: Array, penalties: tuple[float, float, float]) -> float:
    """Return mean CE of ``x W' + b`` + Σ of (intercept, diagonal, off-diagonal) penalty · squares of b and W - I."""
    z = x @ matrix.T + bias
    top = z.max(axis=1)
    loss = np.log(np.exp(z - top[:, None]).sum(axis=1)) + top - z[np.arange(len(z)), label]
    squares = (matrix - np.eye(len(matrix))) ** 2
    diagonal = np.trace(squares)
    parts = (bias**2).sum(), diagonal, squares.sum() - diagonal
    return float(loss.mean() + sum(strength * part for strength, part in zip(penalties, parts, strict=True)))


def crossing_sets(probs: Array, label: Array, u: Array, new: Array, coverage: float) -> Array:
    """Return {k : what is ranked before k has < q}, the class that crosses q with it.

    q is the ⌈(n+1)·coverage⌉-th smallest of the masses up to the right class, less u times its own.
    """

    def up_to(rows: Array) -> Array:
        order = np.argsort(-rows, axis=1)
        mass = np.empty_like(rows)
        np.put_along_axis(mass, order, np.take_along_axis(rows, order, axis=1).cumsum(axis=1), axis=1)
        return mass

    right = np.arange(len(label)), label
    scores = np.sort(up_to(probs)[right] - u * probs[right])
    q = scores[math.ceil((len(label) + 1) * coverage - 1e-9) - 1]
    return up_to(new) - new < q


def separation(inside: Array, outside: Array) -> tuple[float, float]:
    """Return AUROC and average precision by their definitions, in whole numbers and fractions."""
    better = int((inside[:, None] > outside).sum()) * 2 + int((inside[:, None] == outside).sum())
    total = Fraction(0)
    for level in np.unique(inside):
        hits = int((inside >= level).sum())
        total += Fraction(int((inside == level).sum()) * hits, hits + int((outside >= level).sum()))
    return float(Fraction(better, 2 * len(inside) * len(outside))), float(total / len(inside))
