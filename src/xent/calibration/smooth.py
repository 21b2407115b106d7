"""Smooth calibration error: how far probabilities and frequencies lie apart, without bins."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._estimates import Z95, Estimate, missing
from xent.calibration import _events
from xent.calibration._events import Events

Float64 = NDArray[np.float64]
Complex128 = NDArray[np.complex128]

_DRAWS = 500

_GRIDS = (2**16, 2**20)


@dataclass(frozen=True)
class SmoothCalibrationError:
    """A smooth calibration error with what chance alone would show.

    ``smooth_ece`` is the estimate with its 95 % interval, ``bandwidth`` the σ that it was smoothed with (K of them for
    ``kind="classwise"``), ``null_95`` the 95 % quantile of what a perfectly calibrated model with these probabilities
    would show, and ``p_value`` the probability that it shows at least this one.
    """

    smooth_ece: Estimate
    bandwidth: float | Float64
    null_95: float
    p_value: float


def smooth_ece(
    y_true: ArrayLike,
    y_prob: ArrayLike,
    *,
    bandwidth: float | None = None,
    kind: str = "binary",
    sample_weight: ArrayLike | None = None,
    seed: int = 0,
) -> SmoothCalibrationError:
    """Smooth calibration error: ``smECE_σ = ∫ |E[K_σ(t, p) (y - p)]| dt`` over t in [0, 1].

    K_σ is the Gaussian kernel reflected at 0 and 1: all of a row's mass stays inside. Smoothing more can only lessen
    smECE_σ, so exactly one σ equals its own smECE_σ; that is the bandwidth unless one is given. The result never
    exceeds E|p - P(y = 1 | p)|, and is 0 for nothing but outcomes that cancel.

    Parameters
    ----------
    y_true
        (n,): 0 or 1, for y_prob (n, K) classes.
    y_prob
        (n,) probabilities of class 1, or (n, K) distributions; float16, float32 or float64.
    bandwidth
        The standard deviation σ > 0 of the kernel, as a probability; None finds the fixed point.
    kind
        ``"binary"`` for y_prob (n,). Of y_prob (n, K): ``"top-label"`` compares the largest probability with whether
        its class is right, ``"classwise"`` takes the mean over the classes, each with its own bandwidth.
    sample_weight
        (n,) ≥ 0; the interval and the null then rest on Kish's effective number of rows.
    seed
        Of the simulation of interval and null (500 draws).

    Returns
    -------
    SmoothCalibrationError
        Values in [0, 1]. The interval is that of the smooth error of the distribution the (independent) rows were
        drawn from: the lower end is the value less the 97.5 % quantile of smoothed noise (triangle inequality), the
        upper one the value plus 1.96 standard errors of the mean of y - p (the value overestimates on average, and
        varies no more than that). Its noise is simulated from the smoothed frequencies. Without rows all is NaN.
        For ``"classwise"`` interval and null are NaN: the classes of a row depend on one another.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Shapes that do not fit; not numbers; labels that are no class; probabilities outside [0, 1] or NaN, an unknown
        kind, a bandwidth that is not above 0.

    Notes
    -----
    Residuals are shared between the two nearest of 2¹⁶ grid points (2²⁰ where the bandwidth is below 0.002, but for
    ``"classwise"``), and the kernel is applied in the frequency domain: O(n) time and memory. With grid step h the
    error is at most (h/σ)²/8 · E|y - p|, below 10⁻⁵ for σ ≥ 0.00012, classwise for σ ≥ 0.002; kernels narrower than
    two steps are taken as two steps wide.

    Source: Błasiok & Nakkiran 2023 (arXiv:2309.12236).

    Examples
    --------
    >>> import numpy as np
    >>> from xent.calibration.smooth import smooth_ece
    >>> y_prob = np.repeat([1.0, 0.5], 100)  # half the rows surely right, half .5 with a frequency of .7
    >>> y_true = np.repeat([1, 1, 0], [100, 70, 30])
    >>> result = smooth_ece(y_true, y_prob)
    >>> round(result.smooth_ece.value, 6), round(result.bandwidth, 6), result.p_value < 0.01
    (0.1, 0.1, True)
    """
    seed = _validate.seed("smooth_ece", seed)
    if bandwidth is not None:
        bandwidth = _validate.positive("smooth_ece", "bandwidth", bandwidth, "None finds one")
    sets = _events.each("smooth_ece", y_true, y_prob, kind, sample_weight)
    if kind != "classwise":
        return _one(next(sets), bandwidth, seed)
    values, widths, n = [], [], 0.0
    for events in sets:
        value, width = _value(events, bandwidth, _GRIDS[:1])
        values.append(value)
        widths.append(width)
        n = events.n
    reason = "no interval for a mean over classes, which depend on one another" if n else "no rows"
    estimate = Estimate(float(np.mean(values)), math.nan, math.nan, n, reason)
    return SmoothCalibrationError(estimate, np.array(widths), math.nan, math.nan)


class _Smoother:
    """Signed masses on [0, 1], given at the m + 1 points j/m, under reflected Gaussian kernels.

    Reflection makes the masses an even function on a circle of length 2: mass at 0 or 1 is its own mirror image, so it
    counts double there. Its cosine coefficients are multiplied by exp(-(πkσ)²/2). ``masses`` is (..., m + 1).
    """

    def __init__(self, masses: Float64) -> None:
        self.steps = masses.shape[-1] - 1
        circle = np.concatenate([masses, masses[..., -2:0:-1]], axis=-1)
        circle[..., [0, self.steps]] *= 2.0
        self.most: Float64 = np.abs(masses).sum(axis=-1)
        self.total: Float64 = masses.sum(axis=-1)
        self._spectrum: Complex128 = np.fft.rfft(circle)

    def density(self, sigma: float, steps: int) -> Float64:
        """Return the smoothed density at the points j/steps of [0, 1]."""
        sigma = min(max(sigma, 2.0 / self.steps), 100.0)  # a few are as good as infinite
        damping = np.exp(-0.5 * (math.pi * sigma * np.arange(steps + 1)) ** 2)
        circle: Float64 = np.fft.irfft(self._spectrum[..., : steps + 1] * damping, 2 * steps)
        return circle[..., : steps + 1] * steps

    def norm(self, sigma: float, per_sigma: int = 64) -> Float64:
        """Return the integral over [0, 1] of the absolute smoothed density, from so many points a sigma or more."""
        steps = min(self.steps, _power_of_two(max(per_sigma / max(sigma, 1e-12), 16)))
        density = self.density(sigma, steps)
        left, right = density[..., :-1], density[..., 1:]
        both, product = np.abs(left) + np.abs(right), left * right
        # The trapezoidal rule is as good as exact but where the density changes sign: there Euler and Maclaurin's next
        # term and the kink inside the step are known from the two ends.
        kink = np.divide(product, both, out=np.zeros_like(both), where=product < 0)
        result: Float64 = (0.5 * both + np.where(product < 0, both / 6.0 + kink, 0.0)).sum(axis=-1) / steps
        return np.minimum(result, self.most)


def _power_of_two(least: float) -> int:
    return 1 << math.ceil(math.log2(least))


def _deposit(events: Events, mass: Float64, steps: int) -> Float64:
    """Return masses at steps + 1 points: each row's is shared between its two neighbours, which keeps sum and mean."""
    position = events.probability * steps
    left = np.minimum(position.astype(np.int64), steps - 1)
    right_share = position - left
    at_left = np.bincount(left, mass * (1.0 - right_share), steps + 1)
    at_right = np.bincount(left + 1, mass * right_share, steps + 1)
    both: Float64 = (at_left + at_right).astype(np.float64, copy=False)
    return both


def _value(events: Events, bandwidth: float | None, grids: tuple[int, ...]) -> tuple[float, float]:
    """Return the smooth error and its bandwidth, from the first grid that is fine enough for it, or the last."""
    if not len(events.weight):
        return math.nan, math.nan
    mass = events.weight / events.weight.sum() * (events.happened - events.probability)
    for steps in grids:
        smoother = _Smoother(_deposit(events, mass, steps))
        if bandwidth is None:
            low, high = abs(float(smoother.total)), float(smoother.most)
            value = sigma = _fixed_point(smoother.norm, low, high, 1e-12)
        else:
            value, sigma = float(smoother.norm(bandwidth)), bandwidth
        if sigma >= 128 / steps:
            break
    return value, sigma


def _fixed_point(function: Callable[[float], float | Float64], low: float, high: float, tolerance: float) -> float:
    """Return where a decreasing function equals its argument, within [low, high] (Illinois' regula falsi)."""
    at_low, at_high = float(function(low)) - low, float(function(high)) - high
    if at_low <= 0 or at_high >= 0:
        return low if at_low <= 0 else high
    side = 0
    for _ in range(100):
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        at = float(function(middle)) - middle
        if abs(at) <= tolerance * middle or high - low <= tolerance * high:
            return middle
        if at > 0:
            low, at_low = middle, at
            at_high = at_high / 2 if side > 0 else at_high
            side = 1
        else:
            high, at_high = middle, at
            at_low = at_low / 2 if side < 0 else at_low
            side = -1
    return middle


def _one(events: Events, bandwidth: float | None, seed: int) -> SmoothCalibrationError:
    """Return the smooth error of one set of events with interval and null."""
    value, sigma = _value(events, bandwidth, _GRIDS)
    if not len(events.weight):
        return SmoothCalibrationError(missing("no rows"), math.nan, math.nan, math.nan)
    # Under the null the fixed point is near 0.3 n^(-1/3): four steps of the simulation's grid or more.
    cells = _Cells(events, int(np.clip(_power_of_two(13 * events.n ** (1 / 3)), 256, 8192)))
    random = np.random.default_rng(seed)
    null = cells.noise(random, cells.expected)
    level = null.norm(sigma, 4)
    null_95 = float(np.quantile(level, 0.95))
    if bandwidth is None:  # each draw's fixed point is above s where its norm is: so their quantiles agree too
        high = float(np.quantile(null.most, 0.95))
        null_95 = _fixed_point(lambda s: float(np.quantile(null.norm(s, 4), 0.95)), 0.0, high, 1e-3)
    likely = cells.frequencies(sigma)
    noise = float(np.quantile(cells.noise(random, likely).norm(sigma, 4), 0.975))
    error = math.sqrt(float(cells.share**2 @ (likely * (1.0 - likely) / cells.size)))
    estimate = Estimate(value, max(0.0, value - noise), min(1.0, value + Z95 * error), events.n)
    p_value = float((1 + (level >= value * (1.0 - 1e-9)).sum()) / (1 + _DRAWS))
    return SmoothCalibrationError(estimate, sigma, null_95, p_value)


class _Cells:
    """Rows counted at the nearest of steps + 1 grid points, to draw outcomes of many rows at once.

    Of the filled cells: ``share`` of the weight, effective ``size``, mean probability ``expected``, mean ``residual``.
    """

    def __init__(self, events: Events, steps: int) -> None:
        cell = np.rint(events.probability * steps).astype(np.int64)
        weight = np.bincount(cell, events.weight, steps + 1)
        self.filled = weight > 0
        self.n = events.n

        def mean(values: Float64) -> Float64:
            sums = np.bincount(cell, events.weight * values, steps + 1).astype(np.float64, copy=False)
            return sums[self.filled] / weight[self.filled]

        self.share: Float64 = weight[self.filled] / weight.sum()
        self.size = np.maximum(np.rint(weight[self.filled] / mean(events.weight)), 1.0).astype(np.int64)
        self.expected = np.clip(mean(events.probability), 0.0, 1.0)
        self.residual = mean(events.happened - events.probability)

    def noise(self, random: np.random.Generator, truth: Float64) -> _Smoother:
        """Return the residuals that chance leaves where the cells' frequencies are ``truth``, for each draw."""
        # Cell by cell, for NumPy prepares each distribution once as long as it stays the same.
        drawn = random.binomial(self.size[:, None], truth[:, None], (len(self.size), _DRAWS)).T / self.size
        return self._on_grid((drawn - truth) * self.share)

    def frequencies(self, sigma: float) -> Float64:
        """Return the cells' smoothed frequencies, by Laplace's rule: few rows, all right, do not claim no noise."""
        parts = self._on_grid(np.stack([self.share, self.share * self.residual]))
        density, residual = parts.density(sigma, parts.steps)[:, self.filled]
        density = np.maximum(density, 1e-12)
        near = self.n * density * 2.0 * math.sqrt(math.pi) * sigma  # Kish's effective number of rows under a Gaussian
        likely = np.clip(self.expected + residual / density, 0.0, 1.0)
        smoothed: Float64 = (likely * near + 1.0) / (near + 2.0)
        return smoothed

    def _on_grid(self, masses: Float64) -> _Smoother:
        points = np.zeros((len(masses), len(self.filled)))
        points[:, self.filled] = masses
        return _Smoother(points)
