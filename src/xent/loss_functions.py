"""The losses as functions of logits: cross-entropy, softmax and sigmoid, with every option; gradients of NumPy arrays.

For NumPy arrays a loss is float64 (a float where it is one number), summed as such, and a gradient has the dtype of the
logits. The NumPy kernels compute in float64, the compiled ones what is narrower in float32. Losses are in **nats**.
PyTorch's tensors and JAX's arrays are handed to :mod:`xent.torch` and :mod:`xent.jax`, which say what becomes of dtypes
and gradients there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from xent import _pipeline, _sigmoid
from xent._options import BinaryOptions, Empty, Mean, Mining, Options, Reduction
from xent._options import Stats as Stats
from xent.errors import OptionError
from xent.losses import CrossEntropy, Loss, Smoothing

Array = NDArray[Any]


def cross_entropy(
    logits: Any,
    target: Any,
    *,
    axis: int = -1,
    weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    smoothing: Smoothing = "uniform",
    z_loss: float = 0.0,
    temperature: float = 1.0,
    softcap: float | None = None,
    prior: Any = None,
    prior_strength: float = 1.0,
    mining: Mining | None = None,
    reduction: Reduction = "mean",
    mean: Mean = "weighted",
    normalizer: Any = None,
    empty: Empty = "nan",
    return_stats: bool = False,
) -> Any:
    """Cross-entropy of softmax logits against class indices or probabilities, in nats.

    For a row with logits z, a target t over the classes (one-hot for a class index) and class weights w, the loss is
    ``Σ_k t_k w_k (lse - z_k) + z_loss · lse² Σ_k t_k w_k`` with ``lse = log Σ_k exp z_k``.

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
        ε in [0, 1]: the target t becomes (1-ε) t + ε u. z-loss and the mean go by the target before that.
    smoothing
        What u is. ``"uniform"``: 1/K for every class. ``"others"``: (1 - t_k)/(K-1), nothing for the class itself.
    z_loss
        λ ≥ 0, adds λ lse² to each row.
    temperature
        T > 0 divides the logits.
    softcap
        c > 0: before that, logits become c · tanh(z/c), so that none leaves (-c, c). -inf becomes -c.
    prior
        Frequencies or counts of the K classes in training, each above 0: ``prior_strength`` times the logarithm of
        their share is added to the logits, after soft cap and temperature (logit adjustment; with strength 1, balanced
        softmax). Predict from the logits without it.
    prior_strength
        Any finite number.
    mining
        :class:`xent.Hardest` or :class:`xent.HardNegatives`: only the rows it keeps have a weight.
    reduction
        ``"mean"``, ``"sum"``, or ``"none"``: one loss a row.
    mean
        What the mean divides by. ``"weighted"``: Σ s_i Σ_k t_k w_k, with s the sample weights, so that a one-hot target
        and its index give the same. ``"torch"``: the same for class indices, Σ s_i for probabilities.
    normalizer
        A number above 0 to divide by instead, such as the tokens in all parts of an accumulated batch.
    empty
        The mean where its denominator is 0: ``"nan"`` or ``"zero"``. The gradient is 0 either way.
    return_stats
        Whether to return lse, target log-probability, entropy and correctness of each row as well.

    Returns
    -------
    A float, or float64 of the logits' shape without the class axis; with ``return_stats`` a pair of that and a
    :class:`Stats`. In [0, inf]; +inf where the target's logit is -inf. Rows that are all -inf, or hold
    +inf or NaN, are NaN, unless they have weight 0.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        Shapes that do not fit; a target that is neither a class nor a distribution (with the row); an option out of
        range.

    See Also
    --------
    xent.losses : focal and other losses, which take the same options.
    binary_cross_entropy : for labels that do not exclude each other.
    value_and_grad : for its gradient.
    xent.information.cross_entropy_between : of two distributions.

    Notes
    -----
    Source: Szegedy et al. 2016 (doi:10.1109/CVPR.2016.308) for smoothing, de Brébisson & Vincent 2016
    (arXiv:1604.08859) for z-loss, Menon et al. 2021 (arXiv:2007.07314) and Ren et al. 2020 (arXiv:2007.10740) for the
    prior.

    Examples
    --------
    >>> import xent
    >>> logits = [[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]]
    >>> round(xent.cross_entropy(logits, [2, -100]), 6)  # log 3: the second row is ignored
    1.098612
    >>> xent.cross_entropy(logits, [2, 0], reduction="none")
    array([1.09861229e+00, 2.46789153e-04])
    """
    loss = _cross_entropy("cross_entropy", label_smoothing, smoothing, z_loss)
    options = Options(
        axis=axis,
        weight=weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        temperature=temperature,
        softcap=softcap,
        prior=prior,
        prior_strength=prior_strength,
        mining=mining,
        reduction=reduction,
        mean=mean,
        normalizer=normalizer,
        empty=empty,
        return_stats=return_stats,
    )
    return _pipeline.softmax_loss(loss, "cross_entropy", logits, target, options)


def binary_cross_entropy(
    logits: Any,
    target: Any,
    *,
    weight: Any = None,
    pos_weight: Any = None,
    sample_weight: Any = None,
    ignore_index: int = -100,
    mask: Any = None,
    label_smoothing: float = 0.0,
    smoothing: Smoothing = "uniform",
    temperature: float = 1.0,
    softcap: float | None = None,
    mining: Mining | None = None,
    reduction: Reduction = "mean",
    mean: Mean = "weighted",
    normalizer: Any = None,
    empty: Empty = "nan",
) -> Any:
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
    mask
        Booleans broadcasting to the logits' shape: False takes no part, exactly, whatever its target holds.
    label_smoothing
        ε in [0, 1]: the target becomes (1-ε) t + ε u.
    smoothing
        What u is: ``"uniform"`` 1/2, ``"others"`` 1 - t.
    temperature, softcap
        As in :func:`cross_entropy`.
    mining
        As there, but a choice of entries; those with a target from 0.5 on are the positive ones.
    reduction
        ``"mean"``, ``"sum"``, or ``"none"``: one loss an entry.
    mean
        What the mean divides by. ``"weighted"``: Σ weight over all entries that take part (``pos_weight`` belongs to
        the loss and is not divided out). ``"torch"``: their number.
    normalizer, empty
        As in :func:`cross_entropy`.

    Returns
    -------
    A float, or float64 of the logits' shape. In [0, inf]: 0 at +inf with t = 1, +inf at +inf with t < 1; NaN at NaN.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        A target of another shape (nothing is broadcast: (n,) against (n, 1) is an error); a target outside [0, 1]; an
        option out of range.

    See Also
    --------
    cross_entropy : for classes that exclude each other.
    xent.losses : focal and asymmetric losses, whose ``binary`` takes the same options.

    Examples
    --------
    >>> import xent
    >>> round(xent.binary_cross_entropy([0.0, 3.0], [1, 1], reduction="sum"), 6)
    0.741735
    """
    loss = _cross_entropy("binary_cross_entropy", label_smoothing, smoothing)
    options = BinaryOptions(
        weight=weight,
        pos_weight=pos_weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        mask=mask,
        temperature=temperature,
        softcap=softcap,
        mining=mining,
        reduction=reduction,
        mean=mean,
        normalizer=normalizer,
        empty=empty,
    )
    return _sigmoid.sigmoid_loss(loss, "binary_cross_entropy", logits, target, options)


def value_and_grad(loss: Loss | Callable[..., Any]) -> Callable[..., tuple[Any, Array]]:
    """Turn a loss of NumPy arrays into a function of the same arguments that returns ``(value, dlogits)``.

    Parameters
    ----------
    loss
        :func:`cross_entropy`, :func:`binary_cross_entropy`, a loss object of :mod:`xent.losses`, or the ``binary`` of
        one.

    Returns
    -------
    A function. Its ``value`` is what the loss returns, its ``dlogits`` has shape, dtype and memory layout of the
    logits; with ``reduction="none"`` it is each row's own gradient. Rows that take no part have a gradient of exactly
    0.

    Raises
    ------
    OptionError, DtypeError
        ``loss`` is none of those; the logits are PyTorch's or JAX's, who take gradients themselves.

    Examples
    --------
    >>> import xent
    >>> value, dlogits = xent.value_and_grad(xent.cross_entropy)([[0.0, 0.0]], [1])
    >>> dlogits
    array([[ 0.5, -0.5]])
    """
    if isinstance(loss, Loss):
        return _of_softmax(loss)
    owner = getattr(loss, "__self__", None)
    if isinstance(owner, Loss) and loss == owner.binary:
        return _of_sigmoid(owner)
    if loss is cross_entropy:
        return _cross_entropy_value_and_grad
    if loss is binary_cross_entropy:
        return _binary_value_and_grad
    raise OptionError(
        "value_and_grad",
        f"loss must be cross_entropy, binary_cross_entropy, a Loss or its binary; got {loss!r}",
        "pass the function itself, not its result",
    )


def _of_softmax(loss: Loss) -> Callable[..., tuple[Any, Array]]:
    def softmax_value_and_grad(logits: Any, target: Any, **options: Any) -> tuple[Any, Array]:
        given = Options.of(loss.name, options)
        return _pipeline.softmax_value_and_grad(loss, loss.name, logits, target, given)

    return softmax_value_and_grad


def _of_sigmoid(loss: Loss) -> Callable[..., tuple[Any, Array]]:
    def sigmoid_value_and_grad(logits: Any, target: Any, **options: Any) -> tuple[Any, Array]:
        given = BinaryOptions.of(loss.name, options)
        return _sigmoid.sigmoid_value_and_grad(loss, loss.name, logits, target, given)

    return sigmoid_value_and_grad


def _cross_entropy_value_and_grad(
    logits: Any,
    target: Any,
    *,
    label_smoothing: float = 0.0,
    smoothing: Smoothing = "uniform",
    z_loss: float = 0.0,
    **options: Any,
) -> tuple[Any, Array]:
    loss = _cross_entropy("cross_entropy", label_smoothing, smoothing, z_loss)
    return _pipeline.softmax_value_and_grad(loss, "cross_entropy", logits, target, Options(**options))


def _binary_value_and_grad(
    logits: Any, target: Any, *, label_smoothing: float = 0.0, smoothing: Smoothing = "uniform", **options: Any
) -> tuple[Any, Array]:
    function = "binary_cross_entropy"
    loss = _cross_entropy(function, label_smoothing, smoothing)
    return _sigmoid.sigmoid_value_and_grad(loss, function, logits, target, BinaryOptions(**options))


def _cross_entropy(function: str, label_smoothing: float, smoothing: Smoothing, z_loss: float = 0.0) -> CrossEntropy:
    """Return the loss, whose errors then name the function that was called."""
    try:
        return CrossEntropy(label_smoothing=label_smoothing, smoothing=smoothing, z_loss=z_loss)
    except OptionError as error:
        raise OptionError(function, error.problem, error.hint) from None
