"""From logits to probabilities, and back, for NumPy arrays.

Conventions of every function here: float16, float32 and float64 are kept as the dtype of what has the logits' shape;
what is one number a row or one number in all is float64. Integers and lists are float64. The NumPy kernels compute
everything in float64, the compiled ones what is narrower in float32. Logarithms are natural.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.kernels import backend_for
from xent.kernels import numpy as spec

Array = NDArray[Any]
Float64 = NDArray[np.float64]


def _rows(function: str, logits: ArrayLike, axis: int, temperature: float) -> tuple[Array, int, float]:
    """Return (the logits with the class axis last, class axis, 1/temperature)."""
    scale = 1.0 / _validate.positive(function, "temperature", temperature)
    z = _validate.floating(function, "logits", logits)
    axis = _validate.class_axis(function, "logits", z, axis)
    return np.moveaxis(z, axis, -1), axis, scale


def softmax(logits: ArrayLike, *, axis: int = -1, temperature: float = 1.0) -> Array:
    """Probabilities of the classes: exp(z_k/T) / Σ_j exp(z_j/T).

    Parameters
    ----------
    logits
        Scores of any shape with the classes along ``axis``; float16, float32, float64, or integers.
    axis
        The class axis.
    temperature
        T > 0; above 1 softens, below 1 sharpens.

    Returns
    -------
    Array of the logits' shape and dtype; each entry in [0, 1], each row sums to 1 within rounding.

    Raises
    ------
    ShapeError, DtypeError, OptionError
        No class axis or an empty one; not real numbers; a temperature that is not above 0.

    Notes
    -----
    No finite z/T overflows. A class at -inf has probability exactly 0. A row that is all -inf, or holds +inf or NaN,
    is NaN throughout: it has no distribution. No rows: an empty array. For one logit a decision see :func:`sigmoid`;
    before a loss use neither: :func:`xent.cross_entropy` takes logits.

    Examples
    --------
    >>> import xent
    >>> xent.softmax([[1000.0, 1000.0], [0.0, -1000.0]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    rows, axis, scale = _rows("softmax", logits, axis, temperature)
    return np.moveaxis(backend_for(rows).row_softmax(rows, scale=scale), -1, axis)


def log_softmax(logits: ArrayLike, *, axis: int = -1, temperature: float = 1.0) -> Array:
    """Logarithms of the probabilities, in nats: z_k/T - log Σ_j exp(z_j/T).

    Parameters, errors and edge behaviour are those of :func:`softmax`; a class at -inf has log-probability -inf.
    Accurate where ``log(softmax(z))`` is not: a probability that underflows to 0 still has its logarithm.

    Returns
    -------
    Array of the logits' shape and dtype; each entry in [-inf, 0].

    Examples
    --------
    >>> import xent
    >>> xent.log_softmax([0.0, 1000.0])
    array([-1000.,     0.])
    """
    rows, axis, scale = _rows("log_softmax", logits, axis, temperature)
    return np.moveaxis(backend_for(rows).row_softmax(rows, scale=scale, log=True), -1, axis)


def logsumexp(logits: ArrayLike, *, axis: int = -1, temperature: float = 1.0) -> float | Float64:
    """Logarithm of the softmax's denominator, in nats: log Σ_k exp(z_k/T).

    Parameters and errors are those of :func:`softmax`.

    Returns
    -------
    float64 of the logits' shape without the class axis (a float for one row). A row that is all -inf gives -inf, one
    with +inf gives +inf, one with NaN gives NaN.

    Examples
    --------
    >>> import xent
    >>> xent.logsumexp([[0.0, 0.0], [1000.0, 1000.0]])
    array([6.93147181e-01, 1.00069315e+03])
    """
    rows, _, scale = _rows("logsumexp", logits, axis, temperature)
    stats = backend_for(rows).row_stats(rows, scale=scale)
    lse = np.where(np.isinf(stats.max), stats.max, stats.max + stats.log_sum).reshape(rows.shape[:-1])
    return float(lse) if lse.ndim == 0 else lse


def _elementwise(function: str, logits: ArrayLike, temperature: float) -> tuple[Float64, Any]:
    temperature = _validate.positive(function, "temperature", temperature)
    z = _validate.floating(function, "logits", logits)
    with np.errstate(over="ignore"):
        return z.astype(np.float64) / temperature, z.dtype


def _like_input(values: Float64, dtype: Any) -> Any:
    with np.errstate(over="ignore"):
        return float(values) if np.ndim(values) == 0 else values.astype(dtype, copy=False)


def sigmoid(logits: ArrayLike, *, temperature: float = 1.0) -> Any:
    """Probability of a binary decision from its logit: 1 / (1 + exp(-z/T)).

    Parameters
    ----------
    logits
        Scores of any shape: float16, float32, float64, or integers.
    temperature
        T > 0.

    Returns
    -------
    Array of the logits' shape and dtype in [0, 1] (a float for a single number); 0 at -inf, 1 at +inf, NaN at NaN.

    Raises
    ------
    DtypeError, OptionError
        Not real numbers; a temperature that is not above 0.

    See Also
    --------
    logit : its inverse.
    softmax : for exclusive classes.

    Examples
    --------
    >>> import xent
    >>> xent.sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    z, dtype = _elementwise("sigmoid", logits, temperature)
    return _like_input(spec.sigmoid(z), dtype)


def log_sigmoid(logits: ArrayLike, *, temperature: float = 1.0) -> Any:
    """Logarithm of the sigmoid, in nats: -log(1 + exp(-z/T)).

    Parameters and errors are those of :func:`sigmoid`. In [-inf, 0]; -inf at -inf, 0 at +inf, NaN at NaN. Accurate
    where ``log(sigmoid(z))`` is -inf; log(1 - sigmoid(z)) is ``log_sigmoid(-z)``.

    Examples
    --------
    >>> import xent
    >>> xent.log_sigmoid([-1000.0, 0.0])
    array([-1.00000000e+03, -6.93147181e-01])
    """
    z, dtype = _elementwise("log_sigmoid", logits, temperature)
    z_one, _, log_sum = spec.two_class_row(z)
    return _like_input(z_one - log_sum, dtype)


def logit(probs: ArrayLike, *, temperature: float = 1.0) -> Any:
    """Logit of a probability, the inverse of :func:`sigmoid`: T · log(p / (1 - p)).

    Parameters
    ----------
    probs
        Probabilities of any shape, each in [0, 1].
    temperature
        T > 0: ``logit(sigmoid(z, temperature=T), temperature=T)`` is z.

    Returns
    -------
    Array of the shape and dtype of ``probs`` (a float for a single number); -inf at 0, +inf at 1, NaN at NaN.

    Raises
    ------
    DtypeError, OptionError
        Not real numbers; a number outside [0, 1]; a temperature that is not above 0.

    Examples
    --------
    >>> import xent
    >>> xent.logit([0.0, 0.5, 1.0])
    array([-inf,   0.,  inf])
    """
    temperature = _validate.positive("logit", "temperature", temperature)
    values = _validate.probabilities("logit", "probs", probs)
    p = values.astype(np.float64)
    with np.errstate(divide="ignore"):
        # Around 1/2 the quotient loses digits that 2p - 1 still has: atanh keeps them.
        near_half = np.abs(p - 0.5) < 0.25
        result = np.where(
            near_half, 2.0 * np.arctanh(np.where(near_half, 2.0 * p - 1.0, 0.0)), np.log(p) - np.log1p(-p)
        )
    return _like_input(temperature * result, values.dtype)


def odds(probs: ArrayLike, *, temperature: float = 1.0) -> Any:
    """Odds of a probability: (p / (1 - p))^T, the exponential of its :func:`logit`.

    Parameters and errors are those of :func:`logit`. In [0, inf]; 0 at 0, 1 at 1/2, +inf at 1, NaN at NaN.

    Examples
    --------
    >>> import xent
    >>> xent.odds([0.5, 0.75, 1.0])
    array([ 1.,  3., inf])
    """
    temperature = _validate.positive("odds", "temperature", temperature)
    values = _validate.probabilities("odds", "probs", probs)
    p = values.astype(np.float64)
    with np.errstate(divide="ignore", over="ignore"):
        ratio = p / (1.0 - p)
        return _like_input(ratio if temperature == 1.0 else ratio**temperature, values.dtype)
