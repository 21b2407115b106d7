"""Information and proper scores of distributions, in nats (bits only where the name says so).

0 · log 0 is 0 throughout. Distributions are arrays with the classes along ``axis``; each row must be non-negative and
sum to 1 within rounding (1e-5, float16 8e-3), and is divided by its sum. Results are float64 of the shape without the
class axis, a float for one row.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.errors import OptionError, ShapeError

Float64 = NDArray[np.float64]


def _distribution(function: str, argument: str, probs: ArrayLike, axis: int) -> Float64:
    """Return the distributions as float64 with the classes last, each row divided by its sum."""
    array = _validate.floating(function, argument, probs)
    moved = np.moveaxis(array, _validate.class_axis(function, argument, array, axis), -1)
    rows = _validate.distributions(function, argument, moved.reshape(-1, moved.shape[-1]))
    normalised: Float64 = rows / rows.sum(axis=1, keepdims=True)
    return normalised.reshape(moved.shape)


def _pair(function: str, p: ArrayLike, q: ArrayLike, axis: int) -> tuple[Float64, Float64]:
    first, second = _distribution(function, "p", p, axis), _distribution(function, "q", q, axis)
    if first.shape != second.shape:
        raise ShapeError(
            function,
            f"p and q must have the same shape; got {np.shape(p)} and {np.shape(q)}",
            "repeat one distribution with numpy.broadcast_to",
        )
    return first, second


def _result(values: Float64) -> float | Float64:
    return float(values) if values.ndim == 0 else values


def _times_log(p: Float64, q: Float64) -> Float64:
    """Return p · log q with 0 · log 0 = 0; -inf where p > 0 = q."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p == 0, 0.0, p * np.log(q))


def entropy(probs: ArrayLike, *, axis: int = -1) -> float | Float64:
    """Shannon entropy, in nats: H(p) = - Σ_k p_k log p_k.

    Parameters
    ----------
    probs
        Distributions with the classes along ``axis``.
    axis
        The class axis.

    Returns
    -------
    In [0, log K]: 0 for certainty, log K for the uniform distribution.

    Raises
    ------
    ShapeError, DtypeError, TargetError
        No class axis; not real numbers; a row that is not a distribution (with its number).

    Examples
    --------
    >>> from xent.information import entropy
    >>> entropy([[0.5, 0.5], [1.0, 0.0]])
    array([0.69314718, 0.        ])
    """
    p = _distribution("entropy", "probs", probs, axis)
    return _result(-_times_log(p, p).sum(axis=-1) + 0.0)


def cross_entropy_between(p: ArrayLike, q: ArrayLike, *, axis: int = -1) -> float | Float64:
    """Cross-entropy of a model q for data from p, in nats: H(p, q) = - Σ_k p_k log q_k = H(p) + KL(p‖q).

    Parameters
    ----------
    p, q
        Distributions of the same shape with the classes along ``axis``.
    axis
        The class axis.

    Returns
    -------
    In [H(p), inf]; +inf where q gives 0 to something that happens.

    Raises
    ------
    ShapeError, DtypeError, TargetError
        As :func:`entropy`, and where the shapes differ.

    See Also
    --------
    xent.cross_entropy : from logits.

    Examples
    --------
    >>> from xent.information import cross_entropy_between
    >>> round(cross_entropy_between([1.0, 0.0], [0.9, 0.1]), 3)
    0.105
    """
    first, second = _pair("cross_entropy_between", p, q, axis)
    return _result(-_times_log(first, second).sum(axis=-1) + 0.0)


def kl_divergence(p: ArrayLike, q: ArrayLike, *, axis: int = -1) -> float | Float64:
    """Kullback-Leibler divergence, in nats: KL(p‖q) = Σ_k p_k log(p_k / q_k).

    Parameters and errors are those of :func:`cross_entropy_between`. In [0, inf]: 0 only for p = q, +inf where q is 0
    and p is not. Never negative by rounding.

    Source: Kullback & Leibler 1951 (doi:10.1214/aoms/1177729694).

    Examples
    --------
    >>> from xent.information import kl_divergence
    >>> kl_divergence([0.5, 0.5], [0.5, 0.5])
    0.0
    """
    return _result(_kl(*_pair("kl_divergence", p, q, axis)))


def _kl(p: Float64, q: Float64) -> Float64:
    """Return KL as Σ p log(p/q) - p + q: every term is ≥ 0 and small where p ≈ q, so no two terms cancel."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        difference, ratio = (q - p) / p, p / q
        log_ratio = np.where(np.isinf(ratio), np.log(p) - np.log(q), np.log(ratio))
        terms = np.where(np.abs(difference) < 0.5, p * (difference - np.log1p(difference)), p * log_ratio - p + q)
    total: Float64 = np.maximum(np.where(p == 0, q, terms), 0.0).sum(axis=-1)
    return total


def js_divergence(p: ArrayLike, q: ArrayLike, *, axis: int = -1) -> float | Float64:
    """Jensen-Shannon divergence, in nats: (KL(p‖m) + KL(q‖m))/2 with m = (p + q)/2.

    Parameters and errors are those of :func:`cross_entropy_between`. In [0, log 2], symmetric; log 2 for distributions
    that share nothing.

    Source: Lin 1991 (doi:10.1109/18.61115).

    Examples
    --------
    >>> from xent.information import js_divergence
    >>> round(js_divergence([1.0, 0.0], [0.0, 1.0]), 6)
    0.693147
    """
    first, second = _pair("js_divergence", p, q, axis)
    middle = (first + second) / 2.0
    divergence = (_kl(first, middle) + _kl(second, middle)) / 2.0
    return _result(np.minimum(divergence, math.log(2.0)))  # rounding may exceed the bound by an ulp


def _mean_nll(function: str, nll: ArrayLike, weight: ArrayLike | None) -> float:
    values = _validate.floating(function, "nll", nll).astype(np.float64)
    if (values < 0).any():
        raise OptionError(
            function,
            f"nll must be negative log-likelihoods in nats, which are ≥ 0; got {values[values < 0].flat[0]:g}",
            "negate log-probabilities first",
        )
    each = np.ones(values.shape) if weight is None else _validate.weights(function, "weight", weight, values.shape)
    total = float(each.sum())
    return float(values[each > 0] @ each[each > 0]) / total if total > 0 else math.nan


def perplexity(nll: ArrayLike, *, weight: ArrayLike | None = None) -> float:
    """Perplexity: exp of the mean negative log-likelihood, the number of equally likely classes that it amounts to.

    Parameters
    ----------
    nll
        Negative log-likelihoods **in nats**: one number (a mean already) or one a token. Not a smoothed, weighted or
        base-2 loss: its exponential is no perplexity.
    weight
        Weights ≥ 0 of the tokens, say 0 for padding.

    Returns
    -------
    In [1, inf]; +inf where the mean exceeds what a float can hold (709.8 nats); NaN where there is no token.

    Raises
    ------
    DtypeError, OptionError, ShapeError
        Not real numbers; negative ones; weights that do not fit.

    Examples
    --------
    >>> from xent.information import perplexity
    >>> round(perplexity(2.302585), 3)  # log 10
    10.0
    """
    with np.errstate(over="ignore"):
        return float(np.exp(_mean_nll("perplexity", nll, weight)))


def bits_per_token(nll: ArrayLike, *, weight: ArrayLike | None = None) -> float:
    """Mean negative log-likelihood in **bits**: the mean in nats divided by log 2.

    Parameters and errors are those of :func:`perplexity`.

    Examples
    --------
    >>> from xent.information import bits_per_token
    >>> round(bits_per_token([0.693147, 0.693147]), 6)  # log 2
    1.0
    """
    return _mean_nll("bits_per_token", nll, weight) / math.log(2.0)


def brier_score(
    probs: ArrayLike, target: ArrayLike, *, axis: int = -1, sample_weight: ArrayLike | None = None
) -> float:
    """Brier score: the mean over rows of Σ_k (p_k - y_k)², in [0, 2].

    Parameters
    ----------
    probs
        Distributions with K classes along ``axis``.
    target
        Class indices (the shape without the class axis) or probabilities (the same shape).
    axis
        The class axis.
    sample_weight
        One finite weight ≥ 0 a row.

    Returns
    -------
    A float, 0 for certainty in the right class; NaN where no row has weight. For two classes it is twice the score of
    Brier's binary form, Σ (p_1 - y)², that scikit-learn reports.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        As :func:`entropy`, and for a target that is neither a class nor a distribution.

    Notes
    -----
    Source: Brier 1950 (doi:10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2).

    Examples
    --------
    >>> from xent.information import brier_score
    >>> round(brier_score([[0.9, 0.1]], [0]), 12)
    0.02
    """
    p = _distribution("brier_score", "probs", probs, axis)
    rows = p.reshape(-1, p.shape[-1])
    shape = np.shape(probs)
    class_axis = axis % len(shape)
    if _validate.is_class_index("brier_score", target, shape, class_axis):
        truth = np.zeros_like(rows)
        truth[np.arange(len(rows)), _validate.class_indices("brier_score", target, rows.shape[1])] = 1.0
    else:
        truth = _distribution("brier_score", "target", target, axis).reshape(rows.shape)
    each = np.ones(len(rows))
    if sample_weight is not None:
        each = _validate.weights("brier_score", "sample_weight", sample_weight, p.shape[:-1]).reshape(-1)
    total = float(each.sum())
    return float(each @ ((rows - truth) ** 2).sum(axis=1)) / total if total > 0 else math.nan
