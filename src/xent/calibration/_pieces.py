"""Rising curves of pieces: parabolas that meet with one slope, and go on straight beyond the outermost knots."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.calibration._rising_fit import Counts, fit_rising

Float64 = NDArray[np.float64]


def pieces(xp: Any, m: Any, knots: Any, start: Any, value: Any, slope: Any, bend: Any) -> Any:
    """Return value + slope h + bend h² with h = m - start, of the piece between knots in which m lies."""
    i = xp.searchsorted(knots, m, side="right")
    h = m - start[i]
    level = xp.where(slope[i] == 0.0, 0.0, slope[i] * h) + xp.where(bend[i] == 0.0, 0.0, bend[i] * h * h)
    return xp.where(m == m, value[i] + level, m)


def ramps(m: Float64, knots: Float64) -> Float64:
    """Return features (n, J): integrals from the first knot to m of the tents that are 1 at one knot, 0 at the others.

    The outermost tents stay 1 beyond their knots. So coefficients ≥ 0 are the slopes at the knots of a rising curve.
    """
    result = np.zeros((len(m), len(knots)))
    result[:, 0] += np.minimum(m - knots[0], 0.0)
    result[:, -1] += np.maximum(m - knots[-1], 0.0)
    for j, width in enumerate(np.diff(knots)):
        u = ((m - knots[j]) / width).clip(0.0, 1.0)
        result[:, j] += width * (u - 0.5 * u * u)
        result[:, j + 1] += 0.5 * width * u * u
    return result


def fit_pieces(rows: Counts, knots: Float64, penalty: Float64 | None = None) -> dict[str, Float64]:
    """Return the numbers of :func:`pieces` that fit best, with slopes ≥ 0 at the knots."""
    intercept, slopes = fit_rising(rows, lambda m: ramps(m, knots), penalty=penalty)
    widths = np.diff(knots)
    values = intercept + np.append(0.0, np.cumsum(0.5 * widths * (slopes[1:] + slopes[:-1])))
    return {
        "knots": knots,
        "start": np.append(knots[0], knots),
        "value": np.append(values[0], values),
        "slope": np.append(slopes[0], slopes),
        "bend": np.concatenate([[0.0], 0.5 * np.diff(slopes) / widths, [0.0]]),
    }


def roughness(knots: Float64) -> Float64:
    """Return P with c'Pc = ∫ g''² of the curve whose slopes at the knots are c."""
    change = np.diff(np.eye(len(knots)), axis=0) / np.diff(knots)[:, None]
    result: Float64 = change.T @ (change * np.diff(knots)[:, None])
    return result
