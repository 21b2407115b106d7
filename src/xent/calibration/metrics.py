"""Expected calibration error with its uncertainty, from counts in bins.

The state is O(bins): sums over the rows of each bin, so that parts of a data set are added up and nothing is lost.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xent._estimates import Z95, Estimate, effective_size, missing

Float64 = NDArray[np.float64]

_DRAWS = 2000


@dataclass(frozen=True)
class CalibrationError:
    """How far confidence and accuracy lie apart.

    ``ece`` is ``Σ_b (n_b/n) |accuracy_b - confidence_b|`` with its 95 % interval; ``debiased`` subtracts much of what
    chance adds to it (where the truth is 0, about half); ``null_95`` is the 95 % quantile of the ECE that a perfectly
    calibrated model with these confidences would show, and ``p_value`` the probability that it shows at least this one.
    ``mce`` is the largest gap of a bin. ``band_low`` and ``band_high`` say, bin by bin, where a calibrated model's
    accuracy falls in 95 % of samples of this size.
    """

    ece: Estimate
    debiased: float
    null_95: float
    p_value: float
    mce: float
    band_low: Float64
    band_high: Float64


class ConfidenceBins:
    """Confidence and accuracy in bins of equal width: [0, 1/B), [1/B, 2/B), …, [(B-1)/B, 1]; the last bin holds 1.0.

    ``weight``, ``weight_squares``, ``confidence`` and ``correct`` are sums over the rows of each bin, shape (B,): of w,
    w², w·confidence and w·correct.
    """

    def __init__(self, sums: Float64) -> None:
        self.weight, self.weight_squares, self.confidence, self.correct = sums

    @property
    def n_bins(self) -> int:
        """The number of bins."""
        return len(self.weight)

    @staticmethod
    def index(confidence: Float64, n_bins: int) -> NDArray[np.int64]:
        """Return the bin of each confidence."""
        edges = np.arange(1, n_bins) / n_bins
        return np.searchsorted(edges, confidence, side="right").astype(np.int64)

    def error(self, seed: int = 0) -> CalibrationError:
        """Return the calibration error of these bins.

        The interval holds for the binned quantity, which is at most the true one. Its lower end is ECE - r, where r is
        the 97.5 % quantile of ``Σ_b (n_b/n) |noise_b|``: by the triangle inequality the truth is not below it. Its
        upper end is ECE + 1.96 s with s² = Σ_b (n_b/n)² var_b: ECE overestimates on average (Jensen), and varies no
        more than its terms. ``debiased`` is the estimate of Kumar et al. 2019 (arXiv:1909.10155) for the absolute gap.
        """
        filled = self.weight > 0
        n_bins = self.n_bins
        if not filled.any():
            nothing = np.full(n_bins, math.nan)
            return CalibrationError(missing("no rows"), math.nan, math.nan, math.nan, math.nan, nothing, nothing)
        weight = self.weight[filled]
        total = float(weight.sum())
        share = weight / total
        confidence = np.clip(self.confidence[filled] / weight, 0.0, 1.0)
        accuracy = np.clip(self.correct[filled] / weight, 0.0, 1.0)
        size = np.maximum(np.rint(weight**2 / self.weight_squares[filled]), 1).astype(np.int64)
        gap = np.abs(accuracy - confidence)
        ece = float(share @ gap)

        random = np.random.default_rng(seed)
        calibrated = random.binomial(size, confidence, (_DRAWS, len(size))) / size
        null = np.abs(calibrated - confidence) @ share
        # Laplace's (k+1)/(n+2) keeps a bin of few rows, all right or all wrong, from claiming no noise.
        likely = (accuracy * size + 1) / (size + 2)
        noise = np.abs(random.binomial(size, likely, (_DRAWS, len(size))) / size - likely) @ share
        variance = likely * (1 - likely) / size
        low = max(0.0, ece - float(np.quantile(noise, 0.975)))
        high = min(1.0, ece + Z95 * math.sqrt(float(share**2 @ variance)))
        n = effective_size(float(self.weight.sum()), float(self.weight_squares.sum()))

        band_low, band_high = np.full(n_bins, math.nan), np.full(n_bins, math.nan)
        band_low[filled], band_high[filled] = np.quantile(calibrated, [0.025, 0.975], axis=0)
        return CalibrationError(
            ece=Estimate(ece, low, high, n),
            debiased=max(0.0, float(share @ (2 * gap - _mean_absolute(gap, np.sqrt(variance))))),
            null_95=float(np.quantile(null, 0.95)),
            p_value=float((1 + (null >= ece).sum()) / (1 + _DRAWS)),
            mce=float(gap.max()),
            band_low=band_low,
            band_high=band_high,
        )


def _mean_absolute(mean: Float64, deviation: Float64) -> Float64:
    """Return E|X| for X ~ N(mean, deviation²)."""
    ratio = mean / deviation
    tail = np.array([math.erf(r / math.sqrt(2.0)) for r in ratio])
    folded: Float64 = deviation * math.sqrt(2.0 / math.pi) * np.exp(-(ratio**2) / 2.0) + mean * tail
    return folded
