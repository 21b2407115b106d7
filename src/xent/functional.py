"""From logits to probabilities and losses, for NumPy arrays.

Conventions of every function here: float16, float32 and float64 are kept as the dtype of what has the logits' shape
(probabilities, gradients); what is one number a row or one number in all is float64. Integers and lists are float64.
Everything is computed in float64. Losses and entropies are in **nats**.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _pipeline, _validate
from xent._validate import Reduction
from xent.errors import OptionError
from xent.kernels import backend_for
from xent.kernels import numpy as spec
from xent.losses import CrossEntropy, Loss

Array = NDArray[Any]
Float64 = NDArray[np.float64]


def _rows(function: str, logits: ArrayLike, axis: int, temperature: float) -> tuple[Array, tuple[int, ...], int, float]:
    """Return (rows (n, K), shape with the class axis last, class axis, 1/temperature)."""
    scale = 1.0 / _validate.positive(function, "temperature", temperature)
    z = _validate.floating(function, "logits", logits)
    axis = _validate.class_axis(function, "logits", z, axis)
    moved = np.moveaxis(z, axis, -1)
    return moved.reshape(-1, moved.shape[-1]), moved.shape, axis, scale


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
    before a loss use neither: :func:`cross_entropy` takes logits.

    Examples
    --------
    >>> import xent
    >>> xent.softmax([[1000.0, 1000.0], [0.0, -1000.0]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    rows, shape, axis, scale = _rows("softmax", logits, axis, temperature)
    with np.errstate(over="ignore"):
        probs = backend_for(rows).row_softmax(rows, scale=scale)
    return np.moveaxis(probs.reshape(shape), -1, axis)


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
    rows, shape, axis, scale = _rows("log_softmax", logits, axis, temperature)
    with np.errstate(over="ignore"):
        log_probs = backend_for(rows).row_softmax(rows, scale=scale, log=True)
    return np.moveaxis(log_probs.reshape(shape), -1, axis)


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
    rows, shape, _, scale = _rows("logsumexp", logits, axis, temperature)
    with np.errstate(over="ignore"):
        stats = backend_for(rows).row_stats(rows, scale=scale)
    lse = np.where(np.isinf(stats.max), stats.max, stats.max + stats.log_sum).reshape(shape[:-1])
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


def cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    axis: int = -1,
    weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    temperature: float = 1.0,
    reduction: Reduction = "mean",
) -> float | Float64:
    """Cross-entropy of softmax logits against class indices or probabilities, in nats.

    For a row with logits z, target y (or a distribution q over the classes) and class weights w, the loss is
    ``w_y (log Σ_k exp z_k - z_y)``, or ``Σ_k q_k w_k (log Σ_j exp z_j - z_k)``.

    Parameters
    ----------
    logits
        Scores of any shape with K classes along ``axis``, before any softmax.
    target
        Class indices, integers of the logits' shape without the class axis; or probabilities of the logits' shape,
        each row non-negative and summing to 1.
    axis
        The class axis.
    weight
        One finite weight ≥ 0 for each class, shape (K,).
    sample_weight
        One finite weight ≥ 0 for each row, the logits' shape without the class axis or broadcast to it.
    ignore_index
        Rows with this target take no part: loss and gradient exactly 0 even where their logits are NaN. It may be one
        of the classes. For class indices only.
    label_smoothing
        ε in [0, 1]: the target becomes (1-ε) target + ε/K.
    temperature
        T > 0 divides the logits.
    reduction
        ``"mean"``: the weighted mean, Σ s_i loss_i / Σ s_i w_{y_i} (for probabilities Σ_k q_k w_k in place of w_y, so
        that a one-hot target and its index give the same), NaN where no row takes part. ``"sum"``. ``"none"``: one loss
        a row.

    Returns
    -------
    A float, or float64 of the logits' shape without the class axis. In [0, inf]; +inf where the target's logit is -inf.
    Rows that are all -inf, or hold +inf or NaN, are NaN, unless they have weight 0.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Shapes that do not fit; a target that is neither a class nor a distribution (with the row); an option out of
        range.

    See Also
    --------
    binary_cross_entropy : for labels that do not exclude each other.
    value_and_grad : for its gradient.
    xent.information.cross_entropy_between : of two distributions.

    Examples
    --------
    >>> import xent
    >>> logits = [[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]]
    >>> round(xent.cross_entropy(logits, [2, -100]), 6)  # log 3: the second row is ignored
    1.098612
    >>> xent.cross_entropy(logits, [2, 0], reduction="none")
    array([1.09861229e+00, 2.46789153e-04])
    """
    options = _pipeline.Options(axis, weight, sample_weight, ignore_index, temperature, reduction)
    return _pipeline.softmax_loss(CrossEntropy(label_smoothing), "cross_entropy", logits, target, options)


def binary_cross_entropy(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    temperature: float = 1.0,
    reduction: Reduction = "mean",
) -> float | Float64:
    """Cross-entropy of sigmoid logits, one decision an entry: binary and multilabel, in nats.

    For a logit z, a target t in [0, 1] and the weight v of the positives, the loss is
    ``- v t log σ(z) - (1-t) log σ(-z)``.

    Parameters
    ----------
    logits
        Scores of any shape, before any sigmoid; for multilabel (rows, labels).
    target
        0, 1, a boolean or a probability for each logit, of the logits' shape exactly.
    weight
        Finite weights ≥ 0, one a label (or broadcasting to the logits' shape).
    pos_weight
        v: finite weights ≥ 0 of the positive part of each label, broadcasting to the logits' shape.
    sample_weight
        Finite weights ≥ 0, one a row: the logits' shape without its last axis (for logits of one axis, its shape).
    ignore_index
        Entries with this target take no part, exactly.
    label_smoothing
        ε in [0, 1]: the target becomes (1-ε) t + ε/2.
    temperature
        T > 0 divides the logits.
    reduction
        ``"mean"``: Σ weight · loss / Σ weight over all entries that take part (``pos_weight`` belongs to the loss and
        is not divided out; torch divides by the number of entries and leaves ``weight`` in), NaN where none does.
        ``"sum"``. ``"none"``: one loss an entry.

    Returns
    -------
    A float, or float64 of the logits' shape. In [0, inf]: 0 at +inf with t = 1, +inf at +inf with t < 1; NaN at NaN.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        A target of another shape (nothing is broadcast: (n,) against (n, 1) is an error); a target outside [0, 1].

    See Also
    --------
    cross_entropy : for classes that exclude each other.

    Examples
    --------
    >>> import xent
    >>> round(xent.binary_cross_entropy([0.0, 3.0], [1, 1], reduction="sum"), 6)
    0.741735
    """
    value, _ = _binary_value_and_grad(
        logits,
        target,
        weight=weight,
        pos_weight=pos_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        temperature=temperature,
        reduction=reduction,
    )
    return value


def value_and_grad(loss: Loss | Callable[..., Any]) -> Callable[..., tuple[float | Float64, Array]]:
    """Turn a loss into a function of the same arguments that returns ``(value, dlogits)``.

    Parameters
    ----------
    loss
        :func:`cross_entropy`, :func:`binary_cross_entropy`, or a loss object of :mod:`xent.losses`.

    Returns
    -------
    A function. Its ``dlogits`` has shape and dtype of the logits; with ``reduction="none"`` it is each row's own
    gradient. Rows that take no part have a gradient of exactly 0.

    Raises
    ------
    OptionError
        ``loss`` is none of those.

    Examples
    --------
    >>> import xent
    >>> value, dlogits = xent.value_and_grad(xent.cross_entropy)([[0.0, 0.0]], [1])
    >>> dlogits
    array([[ 0.5, -0.5]])
    """
    if loss is binary_cross_entropy:
        return _binary_value_and_grad
    if loss is not cross_entropy and not isinstance(loss, Loss):
        raise OptionError(
            "value_and_grad",
            f"loss must be cross_entropy, binary_cross_entropy or a Loss; got {loss!r}",
            "pass the function itself, not its result",
        )

    def softmax_value_and_grad(
        logits: ArrayLike, target: ArrayLike, *, label_smoothing: float | None = None, **options: Any
    ) -> tuple[float | Float64, Array]:
        if label_smoothing is not None and isinstance(loss, Loss):
            raise OptionError(
                loss.name,
                f"label_smoothing must be set in the loss object; got {label_smoothing!r} beside {loss}",
                "build the loss with it: CrossEntropy(label_smoothing=...)",
            )
        which = loss if isinstance(loss, Loss) else CrossEntropy(label_smoothing or 0.0)
        return _pipeline.softmax_value_and_grad(which, which.name, logits, target, _pipeline.Options(**options))

    return softmax_value_and_grad


def _binary_value_and_grad(
    logits: ArrayLike,
    target: ArrayLike,
    *,
    label_smoothing: float = 0.0,
    pos_weight: ArrayLike | None = None,
    **options: Any,
) -> tuple[float | Float64, Array]:
    function = "binary_cross_entropy"
    loss = CrossEntropy(_validate.share(function, "label_smoothing", label_smoothing))
    every_entry = _pipeline.Options(axis=-1, **options)  # so that an axis in options is a TypeError
    return _pipeline.sigmoid_value_and_grad(loss, function, logits, target, every_entry, pos_weight)
