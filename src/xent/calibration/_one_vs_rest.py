"""What calibrators of one log-odds share: the log-odds of a class, and one curve for each of several classes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from xent.calibration._base import Calibrator
from xent.calibration._rows import CalibrationRows

Array = NDArray[Any]
Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]

_ENTRIES = 1 << 18

#: What curves that rise preserve.
ORDER = "the order of the rows; of K > 2 classes by each, before the probabilities of a row are divided by their sum"


def log_odds(xp: Any, z: Any) -> Any:
    """Return m_k = z_k - log Σ_{j≠k} exp z_j of rows (n, K), K ≥ 2, whose 1 - p may be far below rounding."""
    top = xp.amax(z, axis=1, keepdims=True)
    is_top = z == top
    first = is_top & (xp.cumsum(is_top, axis=1) == 1)
    others = xp.where(first, -xp.inf, z)
    second = xp.amax(others, axis=1, keepdims=True)
    second = xp.where(second == -xp.inf, 0.0, second)
    total = xp.sum(xp.exp(others - second), axis=1, keepdims=True)
    below_top = xp.exp(second - top) * total - xp.exp(others - top)
    return xp.where(first, top - second - xp.log(total), z - top - xp.log1p(below_top))


def log_sigmoid(xp: Any, g: Any) -> Any:
    """Return log sigmoid(g), also at both infinities."""
    return xp.clip(g, None, 0.0) - xp.log1p(xp.exp(-xp.abs(g)))


def one_vs_rest(xp: Any, z: Any, curve: Any, curves: Any) -> Any:
    """Return calibrated logits: ``curve`` with one set of numbers for the log-odds of each class, or one for all."""
    if z.ndim == 1:
        return curve(xp, z, **curves[0])
    if z.shape[1] == 2:
        g = curve(xp, z[:, 1] - z[:, 0], **curves[0])
        return xp.stack([log_sigmoid(xp, -g), log_sigmoid(xp, g)], axis=1)
    m = log_odds(xp, z)
    if len(curves) == 1:
        g = xp.reshape(curve(xp, xp.ravel(m), **curves[0]), m.shape)
    else:
        g = xp.stack([curve(xp, xp.ravel(m[:, k]), **curves[k]) for k in range(len(curves))], axis=1)
    log_p = log_sigmoid(xp, g)
    nothing = xp.amax(log_p, axis=1, keepdims=True) == -xp.inf
    return xp.where(nothing, 0.0, log_p)


class BinaryCalibrator(Calibrator):
    """A curve from the log-odds of class 1 to calibrated log-odds, or one such curve for each of K > 2 classes.

    Logits (n,) are the log-odds m of class 1, logits (n, 2) have m = z₁ - z₀. Of K > 2 columns each class has its
    log-odds against all others, m_k = z_k - log Σ_{j≠k} exp z_j, and is calibrated as class 1 of two. The probabilities
    of a row are then divided by their sum; where all are 0 they are 1/K. Calibrated logits (n, K) are the logarithms of
    the probabilities before that. A fit of K > 2 holds the log-odds, one float64 array (n, K). A weight is that many
    rows: weights that sum to 1 count as one row in all.
    """

    _fitted: ClassVar[tuple[str, ...]] = ("curves_",)
    _takes_vector = True
    curves_: list[dict[str, Any]]
    reasons_: list[str | None]

    def _fit(self, rows: CalibrationRows) -> None:
        curves: list[dict[str, Any]] = []
        reasons: list[str | None] = []
        for m, is_one, weight in self._problems(rows):
            curves.append(self._fit_curve(m, is_one, weight))
            reasons.append(_reason(m, is_one, weight))
        self.curves_, self.reasons_ = curves, reasons

    def _problems(self, rows: CalibrationRows) -> list[tuple[Float64, Bool, Float64]]:
        """Return (log-odds, whether the label is the class, weights) of each curve."""
        weight = rows.weights
        if rows.logits.ndim == 1:
            return [(rows.logits.astype(np.float64), rows.target == 1, weight)]
        if rows.logits.shape[1] == 2:
            m = rows.logits[:, 1].astype(np.float64) - rows.logits[:, 0]
            return [(m, rows.target == 1, weight)]
        m = log_odds_of(rows.logits)
        return [(np.ascontiguousarray(m[:, k]), rows.target == k, weight) for k in range(m.shape[1])]

    def _apply(self, z: Float64) -> Float64:
        if z.ndim == 1:
            return super()._apply(z)
        result, step = np.empty(z.shape), max(_ENTRIES // z.shape[1], 1)
        for begin in range(0, len(z), step):
            result[begin : begin + step] = super()._apply(z[begin : begin + step])
        return result

    def _fit_curve(self, m: Float64, is_one: Bool, weight: Float64) -> dict[str, Any]:
        """Return the curve's numbers."""
        raise NotImplementedError

    @classmethod
    def _stored(cls) -> tuple[str, ...]:
        return (*cls._fitted, "reasons_")


def log_odds_of(z: Array) -> Float64:
    """Return the log-odds (n, K) of logits of any float dtype, some rows at a time."""
    result = np.empty(z.shape)
    step = max(_ENTRIES // z.shape[1], 1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for begin in range(0, len(z), step):
            result[begin : begin + step] = log_odds(np, z[begin : begin + step].astype(np.float64))
    return result


def _reason(m: Float64, is_one: Bool, weight: Float64) -> str | None:
    """Say why the rows hold nothing that a rising curve could learn."""
    if is_one.all() or not is_one.any():
        return "one class"
    if m.min() == m.max():
        return "one score"
    finite = m[np.isfinite(m)]
    low, high = (finite.min() - 1.0, finite.max() + 1.0) if len(finite) else (-1.0, 1.0)
    each = m.clip(low, high)
    means = [np.average(each[rows], weights=weight[rows]) for rows in (is_one, ~is_one)]
    return None if means[0] > means[1] else "misleading"
