"""Out-of-distribution scores, which say whether a row is of the kind that the model was made for.

**Of every score here, higher means more in-distribution.** Where the literature has it the other way round (energy,
entropy, GEN's entropy, KL matching), the score is its negative. A row is accepted where ``score >= threshold``.

Scores take **logits** (n, K) of any real dtype and return float64 (n,), computed in float64 in pieces of 2 MB. A row
without a distribution (NaN or +inf among its logits, or all -inf) has score NaN: NaN compares false with every
threshold, so it is never in-distribution. Classes at -inf have probability 0. Logarithms are natural.

======================  ==============================  =============  ======================================
score                   formula                         range          source
======================  ==============================  =============  ======================================
:func:`max_softmax`     max_k p_k                       [1/K, 1]       Hendrycks & Gimpel 2017 (1610.02136)
:func:`log_odds`        log(max p / (1 - max p))        [-log K, inf]  the same order, without its rounding
:func:`max_logit`       max_k z_k                       any            Hendrycks et al. 2022 (1911.11132)
:func:`energy`          T log Σ exp(z_k / T)            any            Liu et al. 2020 (2010.03759)
:func:`entropy`         Σ p_k log p_k                   [-log K, 0]    Shannon 1948
:func:`margin`          z_(1) - z_(2)                   [0, inf]       Scheffer et al. 2001
:func:`gen`             -Σ p_k^γ (1 - p_k)^γ            ≤ 0            Liu et al. 2023 (CVPR)
:class:`KLMatching`     -min_j KL(p ‖ d_j)              [-inf, 0]      Hendrycks et al. 2022 (1911.11132)
======================  ==============================  =============  ======================================

Max logit and energy use the size of the logits, which the others do not see, and which calibration changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._pieces import pieces
from xent.decisions._kl_matching import KLMatching
from xent.decisions._separation import Separation, evaluate, fit_threshold
from xent.errors import OptionError, ShapeError
from xent.kernels import backend_for

__all__ = [
    "SCORES",
    "KLMatching",
    "Separation",
    "energy",
    "entropy",
    "evaluate",
    "fit_threshold",
    "gen",
    "log_odds",
    "margin",
    "max_logit",
    "max_softmax",
]

Array = NDArray[Any]
Float64 = NDArray[np.float64]


def _by_row(function: str, logits: ArrayLike, score: Callable[[Float64], Float64]) -> Float64:
    """Return the score of each row, given float64 logits piece by piece."""
    rows = _validate.floating(function, "logits", logits)
    _validate.rows(function, "logits", rows)
    result = np.empty(len(rows))
    for part in pieces(*rows.shape):
        result[part] = score(np.ascontiguousarray(rows[part], dtype=np.float64))
    return result


def max_softmax(logits: ArrayLike, *, temperature: float = 1.0) -> Float64:
    """Largest probability of each row: max_k softmax(z / T)_k. Higher = more in-distribution.

    Parameters
    ----------
    logits
        Scores (n, K); not probabilities (pass their logarithm).
    temperature
        T > 0. A large one (1000) is ODIN's, without its perturbed inputs.

    Returns
    -------
    float64 (n,) in [1/K, 1], NaN for a row without a distribution. It **rounds to 1** where the top logit is 37 or
    more above the others, and such rows tie: :func:`log_odds` ranks rows alike and still tells them apart.

    Raises
    ------
    ShapeError, DtypeError, OptionError
        Logits that are not (n, K); not real numbers; a temperature that is not above 0.

    Notes
    -----
    Source: Hendrycks & Gimpel 2017 (arXiv:1610.02136); temperature: Liang, Li & Srikant 2018 (arXiv:1706.02690).

    Examples
    --------
    >>> from xent.decisions import ood
    >>> ood.max_softmax([[0.0, 0.0], [50.0, 0.0], [100.0, 0.0]])
    array([0.5, 1. , 1. ])
    """
    scale = 1.0 / _validate.positive("max_softmax", "temperature", temperature)
    return _by_row("max_softmax", logits, lambda z: np.exp(-backend_for(z).row_stats(z, scale=scale).log_sum))


def log_odds(logits: ArrayLike, *, temperature: float = 1.0) -> Float64:
    """Log-odds of the top class, log(p / (1 - p)) with p = max_k softmax(z / T)_k. Higher = more in-distribution.

    It grows with :func:`max_softmax` and never saturates: z_top/T - log Σ_{k ≠ top} exp(z_k/T). Parameters, errors and
    sources are those of :func:`max_softmax`.

    Returns
    -------
    float64 (n,) in [-log(K - 1), inf], in nats: 0 at p = 1/2, +inf where no other class has any probability.

    Examples
    --------
    >>> from xent.decisions import ood
    >>> ood.log_odds([[0.0, 0.0], [50.0, 0.0], [100.0, 0.0]])
    array([  0.,  50., 100.])
    """
    scale = 1.0 / _validate.positive("log_odds", "temperature", temperature)
    return _by_row("log_odds", logits, lambda z: _log_odds(z, scale))


def _log_odds(z: Float64, scale: float) -> Float64:
    top = z.argmax(axis=1)
    others = z.copy()
    others[np.arange(len(z)), top] = -np.inf
    whole, rest = backend_for(z).row_stats(z, scale=scale), backend_for(z).row_stats(others, scale=scale)
    with np.errstate(invalid="ignore"):
        odds = (whole.max - rest.max) - np.where(rest.max == -np.inf, 0.0, rest.log_sum)
    return np.where(np.isnan(whole.log_sum), np.nan, odds)


def max_logit(logits: ArrayLike) -> Float64:
    """Largest logit of each row: max_k z_k. Higher = more in-distribution.

    Parameters
    ----------
    logits
        Raw scores (n, K) as the model gives them. Log-probabilities will not do: the row's own level is the signal.

    Returns
    -------
    float64 (n,), NaN for a row without a distribution.

    Raises
    ------
    ShapeError, DtypeError
        Logits that are not (n, K); not real numbers.

    Notes
    -----
    Source: Hendrycks et al. 2022 (arXiv:1911.11132).

    Examples
    --------
    >>> from xent.decisions import ood
    >>> ood.max_logit([[1.0, 5.0], [2.0, -1.0]])
    array([5., 2.])
    """
    return _by_row("max_logit", logits, _finite_max)


def _finite_max(z: Float64) -> Float64:
    top = z.max(axis=1)
    return np.where(np.isfinite(top), top, np.nan)


def energy(logits: ArrayLike, *, temperature: float = 1.0) -> Float64:
    """Negative energy of each row: T · log Σ_k exp(z_k / T). Higher = more in-distribution.

    Liu et al.'s energy is E = -T log Σ exp(z/T), lower for in-distribution rows; this is **-E**, as they too score.

    Parameters
    ----------
    logits
        Raw scores (n, K) as the model gives them. Of log-probabilities it is 0 throughout.
    temperature
        T > 0.

    Returns
    -------
    float64 (n,) in the logits' unit, at least the largest logit; NaN for a row without a distribution.

    Raises
    ------
    ShapeError, DtypeError, OptionError
        Logits that are not (n, K); not real numbers; a temperature that is not above 0.

    Notes
    -----
    Source: Liu et al. 2020 (arXiv:2010.03759).

    Examples
    --------
    >>> from xent.decisions import ood
    >>> ood.energy([[0.0, 0.0], [1000.0, 0.0]])
    array([6.93147181e-01, 1.00000000e+03])
    """
    scale = 1.0 / _validate.positive("energy", "temperature", temperature)

    def score(z: Float64) -> Float64:
        top: Float64 = z.max(axis=1)
        return top + backend_for(z).row_stats(z, scale=scale).log_sum / scale

    return _by_row("energy", logits, score)


def entropy(logits: ArrayLike, *, temperature: float = 1.0) -> Float64:
    """Negative Shannon entropy of each row's softmax, Σ_k p_k log p_k in nats. Higher = more in-distribution.

    Parameters and errors are those of :func:`max_softmax`.

    Returns
    -------
    float64 (n,) in [-log K, 0], NaN for a row without a distribution. Nothing cancels: a row whose top class has
    1 - 1e-30 keeps all digits of its entropy.

    See Also
    --------
    xent.information.entropy : of probabilities, with its usual sign.

    Examples
    --------
    >>> from xent.decisions import ood
    >>> ood.entropy([[0.0, 0.0], [100.0, 0.0]])
    array([-6.93147181e-01, -3.75727674e-42])
    """
    scale = 1.0 / _validate.positive("entropy", "temperature", temperature)

    def score(z: Float64) -> Float64:
        stats = backend_for(z).row_stats(z, scale=scale, extras=True)
        assert stats.expected_logit is not None
        return np.minimum(stats.expected_logit - stats.log_sum, 0.0)

    return _by_row("entropy", logits, score)


def margin(logits: ArrayLike) -> Float64:
    """Margin of each row: its largest logit less the second largest. Higher = more in-distribution.

    It is log(p_(1) / p_(2)), in nats: of logits, not of probabilities, whose difference saturates at 1.

    Parameters
    ----------
    logits
        Scores (n, K) with K ≥ 2.

    Returns
    -------
    float64 (n,) in [0, inf]: 0 where two classes tie at the top, +inf where only one has any probability, NaN for a row
    without a distribution.

    Raises
    ------
    ShapeError, DtypeError
        Logits that are not (n, K), or of one class; not real numbers.

    Notes
    -----
    Source: Scheffer, Decomain & Wrobel 2001 (doi:10.1007/3-540-44816-0_31).

    Examples
    --------
    >>> from xent.decisions import ood
    >>> ood.margin([[1.0, 5.0, 4.5], [2.0, 2.0, 0.0]])
    array([0.5, 0. ])
    """
    rows = _validate.as_array("margin", "logits", logits)
    if rows.ndim == 2 and rows.shape[1] == 1:
        raise ShapeError(
            "margin", f"logits must have at least two classes; got shape {rows.shape}", "there is no second one"
        )

    def score(z: Float64) -> Float64:
        top: Float64 = np.partition(z, (-2, -1), axis=1)[:, -2:]
        return np.where(np.isfinite(top[:, 1]), top[:, 1], np.nan) - top[:, 0]

    return _by_row("margin", rows, score)


def gen(logits: ArrayLike, *, gamma: float = 0.1, top: int = 100, temperature: float = 1.0) -> Float64:
    """Negative generalised entropy of each row, -Σ p_k^γ (1 - p_k)^γ over the ``top`` largest probabilities.

    Higher = more in-distribution. A small γ makes it sensitive to small probabilities, where unknown rows differ.

    Parameters
    ----------
    logits
        Scores (n, K); not probabilities (pass their logarithm).
    gamma
        γ in (0, 1).
    top
        M ≥ 1: how many of the largest probabilities count; all where K is less. The paper takes about a tenth of K.
    temperature
        T > 0.

    Returns
    -------
    float64 (n,), ≤ 0, NaN for a row without a distribution. Powers are taken of logarithms, so probabilities that
    underflow, and 1 - p where p rounds to 1, still count.

    Raises
    ------
    ShapeError, DtypeError, OptionError
        Logits that are not (n, K); not real numbers; γ, ``top`` or a temperature out of range.

    Notes
    -----
    Source: Liu, Lochman & Zach 2023 (doi:10.1109/CVPR52729.2023.02293).

    Examples
    --------
    >>> from xent.decisions import ood
    >>> ood.gen([[0.0, 0.0], [10.0, 0.0], [1000.0, 0.0]])
    array([-1.74110113e+00, -7.35752202e-01, -7.44015195e-44])
    """
    if not (_validate.finite(gamma) and 0.0 < gamma < 1.0):
        raise OptionError("gen", f"gamma must lie in (0, 1); got {gamma!r}", "0.1 is the paper's")
    if not (isinstance(top, (int, np.integer)) and not isinstance(top, bool) and top >= 1):
        raise OptionError("gen", f"top must be a whole number ≥ 1; got {top!r}", "100 is the paper's")
    scale = 1.0 / _validate.positive("gen", "temperature", temperature)

    def score(z: Float64) -> Float64:
        log_p: Float64 = backend_for(z).row_softmax(z, scale=scale, log=True)
        if top < log_p.shape[1]:
            log_p = -np.partition(-log_p, top - 1, axis=1)[:, :top]
        first = np.arange(len(z)), log_p.argmax(axis=1)
        log_rest = np.log1p(-np.exp(np.minimum(log_p, -math.log(2.0))))  # of all but the first p ≤ 1/2
        log_rest[first] = log_p[first] - _log_odds(z, scale)
        total: Float64 = np.exp(gamma * (log_p + log_rest)).sum(axis=1)
        return np.negative(total)

    return _by_row("gen", logits, score)


#: Every score that needs nothing but logits (n, K), by name; each returns (n,), higher = more in-distribution.
SCORES: Mapping[str, Callable[[ArrayLike], Float64]] = MappingProxyType(
    {
        "max_softmax": max_softmax,
        "log_odds": log_odds,
        "max_logit": max_logit,
        "energy": energy,
        "entropy": entropy,
        "margin": margin,
        "gen": gen,
    }
)
