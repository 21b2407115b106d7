"""Tests of the hypothesis that probabilities are calibrated: P(y = 1 | p) = p for every p. None of them has bins.

Each compares a sum of y - p with the variance Σ p(1 - p) that calibration gives it, so no data are spent on estimating
one. They differ in what they look for: Kolmogorov-Smirnov and Kuiper any stretch of probabilities where the frequency
is off, Spiegelhalter probabilities that are too extreme or not extreme enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent.calibration import _events
from xent.calibration._events import Events

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class CalibrationTest:
    """A test of calibration.

    ``deviation`` is what was found, in units of probability; ``statistic`` is it in units of what chance alone gives
    it; ``p_value`` the probability that a calibrated model shows as much; ``n`` the (effective) number of rows.
    """

    deviation: float
    statistic: float
    p_value: float
    n: float


def ks_test(
    y_true: ArrayLike, y_prob: ArrayLike, *, kind: str = "binary", sample_weight: ArrayLike | None = None
) -> CalibrationTest:
    """Kolmogorov-Smirnov test of calibration: ``max_t |mean of (y - p) 1{p ≤ t}|``.

    Sorted by probability, the sums of y - p of a calibrated model are a martingale; divided by
    √(Σ w² p(1 - p)) / Σ w their largest absolute value tends to ``max |B(t)|`` of a Brownian motion over [0, 1]:
    P(> x) = 4 Σ_{k≥0} (-1)^k Φ(-(2k + 1) x).

    Parameters
    ----------
    y_true
        (n,): 0 or 1, for ``kind="top-label"`` classes.
    y_prob
        (n,) probabilities of class 1, or (n, K) distributions; float16, float32 or float64.
    kind
        ``"binary"`` for y_prob (n,); ``"top-label"`` tests the largest probability of y_prob (n, K) against whether
        its class is right. For one class of many pass (y_true == k, y_prob[:, k]).
    sample_weight
        (n,) ≥ 0 and chosen without regard to y.

    Returns
    -------
    CalibrationTest
        The p-value is that of many independent rows. With few rows, or many that share one probability (looked at as
        one step, for their order means nothing), it is somewhat too large: the test is on the safe side. Where p is 0
        or 1 throughout the statistic is 0 (p-value 1) or, if any row contradicts it, inf (p-value 0). NaN without rows.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Shapes that do not fit; not numbers; labels that are no class; probabilities outside [0, 1] or NaN.

    See Also
    --------
    kuiper_test : looks at every interval of probabilities, not only at those that begin at 0.

    Notes
    -----
    Source: Arrieta-Ibarra, Gujral, Tannen, Tygert & Xu 2022 (arXiv:2205.09680). The deviation alone is the KS
    calibration error of Gupta et al. 2021 (arXiv:2006.12800).

    Examples
    --------
    >>> import numpy as np
    >>> from xent.calibration.hypothesis_tests import ks_test
    >>> y_prob = np.repeat(0.5, 100)
    >>> y_true = np.arange(100) < 60  # 60 of 100 where 50 were promised: two standard errors
    >>> result = ks_test(y_true, y_prob)
    >>> round(result.deviation, 9), round(result.statistic, 9), round(result.p_value, 4)
    (0.1, 2.0, 0.091)
    """
    events = _events.single("ks_test", y_true, y_prob, kind, sample_weight)
    path = _path(events)
    deviation = float(np.abs(path).max(initial=0.0))
    return _result(events, deviation, _scale(events, 1.0), brownian_maximum_sf)


def kuiper_test(
    y_true: ArrayLike, y_prob: ArrayLike, *, kind: str = "binary", sample_weight: ArrayLike | None = None
) -> CalibrationTest:
    """Kuiper test of calibration: over intervals, ``max |mean of (y - p) 1{s < p ≤ t}|``.

    That is the range, maximum less minimum, of the sums that :func:`ks_test` looks at, and tends to the range of a
    Brownian motion: P(> x) = 8 Σ_{k≥1} (-1)^{k-1} k Φ(-k x). It finds more than :func:`ks_test` where frequencies are
    too low first and too high then, or the reverse, more than once over.

    Parameters, results and errors are those of :func:`ks_test`.

    Notes
    -----
    Source: Arrieta-Ibarra, Gujral, Tannen, Tygert & Xu 2022 (arXiv:2205.09680); the range of a Brownian motion: Feller
    1951 (doi:10.1214/aoms/1177729589).

    Examples
    --------
    >>> import numpy as np
    >>> from xent.calibration.hypothesis_tests import ks_test, kuiper_test
    >>> y_prob = np.repeat([0.2, 0.5, 0.8], 100)
    >>> y_true = np.repeat([1, 0, 1, 0, 1, 0], [10, 90, 68, 32, 70, 30])  # too few, too many, too few
    >>> round(ks_test(y_true, y_prob).p_value, 3), round(kuiper_test(y_true, y_prob).p_value, 3)
    (0.371, 0.068)
    """
    events = _events.single("kuiper_test", y_true, y_prob, kind, sample_weight)
    path = _path(events)
    deviation = float(path.max(initial=0.0) - path.min(initial=0.0))
    return _result(events, deviation, _scale(events, 1.0), brownian_range_sf)


def spiegelhalter_test(
    y_true: ArrayLike, y_prob: ArrayLike, *, kind: str = "binary", sample_weight: ArrayLike | None = None
) -> CalibrationTest:
    """Spiegelhalter's test of calibration: whether the Brier score is what the probabilities themselves promise.

    deviation = mean of (y - p)(1 - 2p), the Brier score less its expectation mean p(1 - p) under calibration;
    statistic z = Σ w (y - p)(1 - 2p) / √(Σ w² (1 - 2p)² p(1 - p)), to a good approximation normal; the p-value is
    two-sided. z > 0 says that probabilities are too extreme, z < 0 that they are too timid. Errors that cancel in the
    Brier score, and all at p = 1/2, are not seen.

    Parameters, errors and edges are those of :func:`ks_test`.

    Notes
    -----
    Source: Spiegelhalter 1986 (doi:10.1002/sim.4780050506).

    Examples
    --------
    >>> import numpy as np
    >>> from xent.calibration.hypothesis_tests import spiegelhalter_test
    >>> y_prob = np.repeat([0.1, 0.9], 100)
    >>> y_true = np.repeat([1, 0, 1, 0], [18, 82, 82, 18])
    >>> result = spiegelhalter_test(y_true, y_prob)
    >>> round(result.statistic, 3), round(result.p_value, 5)
    (3.771, 0.00016)
    """
    events = _events.single("spiegelhalter_test", y_true, y_prob, kind, sample_weight)
    direction = 1.0 - 2.0 * events.probability
    sums = float(events.weight @ ((events.happened - events.probability) * direction))
    deviation = sums / float(events.weight.sum()) if len(direction) else math.nan
    return _result(events, deviation, _scale(events, direction), lambda z: math.erfc(abs(z) / math.sqrt(2.0)))


def _path(events: Events) -> Float64:
    """Return the sums of w (y - p) / Σ w up to each distinct probability, ascending."""
    order = np.argsort(events.probability)
    probability = events.probability[order]
    path = np.cumsum((events.weight * (events.happened - events.probability))[order]) / events.weight.sum()
    last = np.append(probability[1:] != probability[:-1], True)[: len(probability)]
    result: Float64 = path[last]
    return result


def _scale(events: Events, factor: float | Float64) -> float:
    """Return the standard deviation, under calibration, of Σ w factor (y - p) / Σ w."""
    variance = events.probability * (1.0 - events.probability)
    return math.sqrt(float(((events.weight * factor) ** 2 * variance).sum())) / max(float(events.weight.sum()), 1e-300)


def _result(events: Events, deviation: float, scale: float, survival: Callable[[float], float]) -> CalibrationTest:
    if not len(events.weight):
        return CalibrationTest(math.nan, math.nan, math.nan, 0.0)
    if scale > 0:
        statistic = deviation / scale
    else:  # calibration leaves nothing to chance: either all is as promised or it is refuted
        statistic = math.copysign(math.inf, deviation) if deviation else 0.0
    return CalibrationTest(deviation, statistic, survival(statistic), events.n)


def brownian_maximum_sf(x: float) -> float:
    """Return P(max |B(t)| > x) of a Brownian motion B over [0, 1].

    >>> round(brownian_maximum_sf(2.2414), 4)
    0.05
    """
    if x <= 0:
        return 1.0
    if x < 1:  # each of the two series is right everywhere, and fast on its side
        terms = ((-1.0) ** k / (2 * k + 1) * math.exp(-(((2 * k + 1) * math.pi / x) ** 2) / 8) for k in range(4))
        return 1.0 - 4.0 / math.pi * sum(terms)
    return min(1.0, 4.0 * sum((-1.0) ** k * _normal_sf((2 * k + 1) * x) for k in range(6)))


def brownian_range_sf(x: float) -> float:
    """Return P(max B(t) - min B(t) > x) of a Brownian motion B over [0, 1].

    >>> round(brownian_range_sf(2.4977), 4)
    0.05
    """
    if x <= 0:
        return 1.0
    if x < 1.5:
        odd = [(2 * k + 1) * math.pi for k in range(4)]
        return 1.0 - 8.0 * sum((1.0 / x**2 + 1.0 / c**2) * math.exp(-((c / x) ** 2) / 2) for c in odd)
    return min(1.0, 8.0 * sum((-1.0) ** (k - 1) * k * _normal_sf(k * x) for k in range(1, 10)))


def _normal_sf(x: float) -> float:
    return math.erfc(x / math.sqrt(2.0)) / 2.0
