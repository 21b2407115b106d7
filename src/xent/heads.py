"""Losses of more than one piece: a student with its teacher, a detector's objectness with its classes.

They are sums of the losses of :mod:`xent.losses` and take NumPy arrays, PyTorch's tensors and JAX's arrays alike; with
the latter two they are differentiable.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np

from xent import _validate
from xent._arrays import framework, namespace
from xent._options import BinaryOptions, Empty, Options, Reduction
from xent._pipeline import softmax_loss
from xent._sigmoid import sigmoid_loss
from xent.errors import DtypeError, OptionError, ShapeError, TargetError
from xent.functional import sigmoid, softmax
from xent.losses import CrossEntropy

_OF_THE_TARGET = ("label_smoothing", "smoothing", "z_loss", "prior", "prior_strength")


def distillation_loss(
    logits: Any,
    teacher_logits: Any,
    target: Any = None,
    *,
    temperature: float = 2.0,
    alpha: float = 0.5,
    **options: Any,
) -> Any:
    """Knowledge distillation: α T² KL(teacher ‖ student), both softened by T, + (1-α) cross-entropy of the target.

    Parameters
    ----------
    logits
        The student's, of any shape with K classes along ``axis``.
    teacher_logits
        The teacher's, of the same shape. No gradient goes to them.
    target
        As in :func:`xent.cross_entropy`; or None: then α is 1. Rows with ``ignore_index`` take no part in either term.
    temperature
        T > 0, of both sides of the divergence; the cross-entropy of the target has none. T² keeps the size of the
        gradient.
    alpha
        α in [0, 1].
    **options
        Those of :func:`xent.cross_entropy`. Class and sample weights, the reduction and what belongs to it hold for
        both terms; class weights stand inside the sum of the divergence, Σ_k q_k w_k log(q_k/p_k). A soft cap is put
        on both models. Smoothing, z-loss and prior belong to the target's term. ``mining`` and ``return_stats`` are
        refused.

    Returns
    -------
    As :func:`xent.cross_entropy`. The divergence is 0 where the two agree.

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        As :func:`xent.cross_entropy`; teacher's logits of another shape, or without a distribution (with the row).

    Notes
    -----
    The divergence is a cross-entropy less the teacher's entropy, computed in the same way, so that the student's
    gradient is the fused one. Source: Hinton, Vinyals & Dean 2015 (arXiv:1503.02531).

    Examples
    --------
    >>> import xent
    >>> student, teacher = [[1.0, 0.0, 0.0]], [[3.0, 1.0, 0.0]]
    >>> round(xent.distillation_loss(student, teacher), 6)
    0.296607
    >>> xent.distillation_loss(teacher, teacher)
    0.0
    """
    function = "distillation_loss"
    temperature = _validate.positive(function, "temperature", temperature)
    alpha = _validate.share(function, "alpha", alpha)
    for argument in ("mining", "return_stats"):
        if options.pop(argument, None):
            raise OptionError(
                function,
                f"{argument} must be left out; got it for a loss of two terms",
                "take reduction='none' and choose rows yourself" if argument == "mining" else "see xent.cross_entropy",
            )
    if target is None:
        alpha = 1.0
        for argument in _OF_THE_TARGET:
            if argument in options:
                raise OptionError(
                    function,
                    f"{argument} must go with a target; got {options[argument]!r} without one",
                    "it belongs to the target's cross-entropy",
                )
    of_loss = {name: options.pop(name) for name in ("label_smoothing", "smoothing", "z_loss") if name in options}
    of_target = Options(**options)
    hard = 0.0
    if alpha < 1:
        hard = softmax_loss(CrossEntropy(**of_loss), function, logits, target, of_target)
    if alpha == 0:
        return hard
    weight = _row_weight(logits, target, of_target)
    of_teacher = replace(of_target, temperature=temperature, prior=None, sample_weight=weight)
    teacher = _teacher(function, logits, teacher_logits, of_teacher)
    probs = _probs(function, teacher, of_teacher)
    soft = softmax_loss(CrossEntropy(), function, logits, probs, of_teacher)
    entropy = softmax_loss(CrossEntropy(), function, teacher, probs, of_teacher)
    return alpha * temperature**2 * (soft - entropy) + (1.0 - alpha) * hard


def _row_weight(logits: Any, target: Any, options: Options) -> Any:
    """Return the sample weight, 0 for the rows that the target ignores; None where there is neither."""
    target = _array(target, logits)
    if target is None or target.ndim == np.ndim(logits):
        return _array(options.sample_weight, logits)
    live = (target != options.ignore_index) * 1.0
    return live if options.sample_weight is None else live * _array(options.sample_weight, logits)


def _teacher(function: str, logits: Any, teacher_logits: Any, options: Options) -> Any:
    """Return the teacher's logits as constants, float32 or wider; 0 in a row that has no weight."""
    xp, shape = namespace(logits), tuple(np.shape(logits))
    if framework(logits) == "numpy":
        teacher = _validate.floating(function, "teacher_logits", teacher_logits).astype(np.float64)
        axis = _validate.class_axis(function, "teacher_logits", teacher, options.axis)
    else:
        teacher = _constant(teacher_logits)
        teacher = xp.asarray(teacher, dtype=xp.promote_types(teacher.dtype, xp.float32))
        axis = options.axis % len(shape)
    if tuple(teacher.shape) != shape:
        raise ShapeError(
            function,
            f"teacher_logits must have the shape of the logits, {shape}; got shape {tuple(teacher.shape)}",
            "student and teacher score the same classes of the same rows",
        )
    if options.sample_weight is None:
        return teacher
    live = xp.broadcast_to(options.sample_weight != 0, shape[:axis] + shape[axis + 1 :])
    return xp.where(live.reshape((*shape[:axis], 1, *shape[axis + 1 :])), teacher, 0.0)


def _probs(function: str, teacher: Any, options: Options) -> Any:
    """Return the softened probabilities of the teacher."""
    xp, axis = namespace(teacher), options.axis
    z = teacher
    if options.softcap is not None:
        z = options.softcap * xp.tanh(z / options.softcap)
    probs = _softmax(z / options.temperature, axis)
    if framework(probs) == "numpy" and np.isnan(probs).any():
        row = int(np.isnan(np.moveaxis(probs, axis, -1)).any(axis=-1).reshape(-1).argmax())
        raise TargetError(
            function,
            f"teacher_logits must have a distribution in every row; got NaN, +inf or only -inf at row {row}",
            "leave the row out with ignore_index or sample_weight",
        )
    return probs


def two_stage_loss(
    objectness: Any,
    class_logits: Any,
    target: Any,
    *,
    background: int = -1,
    axis: int = -1,
    weight: Any = None,
    background_weight: float = 1.0,
    sample_weight: Any = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    normalizer: Any = None,
    empty: Empty = "nan",
) -> Any:
    """Loss of a head with two stages, "is it an object" and "of which class": -log of the one probability they make.

    Of a row with objectness o and class logits c it is ``-log σ(-o)`` where the target is the background, and
    ``-log σ(o) - log softmax(c)_y`` where it is the class y: the classes of a background row are not looked at.

    Parameters
    ----------
    objectness
        One logit a row, of the class logits' shape without the class axis.
    class_logits
        Scores of K classes along ``axis``.
    target
        Class indices of the shape of ``objectness``, ``background`` or ``ignore_index``.
    background
        The index that says so, not one of the classes.
    axis
        The class axis.
    weight
        One finite weight ≥ 0 for each class, shape (K,), of both stages of its rows.
    background_weight
        That of the background, ≥ 0.
    sample_weight
        One finite weight ≥ 0 for each row.
    ignore_index
        Rows with this target take no part, exactly.
    reduction
        ``"mean"``: divided by the sum of the rows' weights. ``"sum"``, or ``"none"``: one loss a row.
    normalizer, empty
        As in :func:`xent.cross_entropy`.

    Returns
    -------
    A float, or float64 of the shape of ``objectness``; in [0, inf].

    Raises
    ------
    ShapeError, DtypeError, TargetError, OptionError
        As :func:`xent.cross_entropy`; a background that is one of the classes.

    See Also
    --------
    two_stage_probs : the probability.

    Notes
    -----
    Source: Redmon et al. 2016 (doi:10.1109/CVPR.2016.91) for the product, whose exact likelihood this is.

    Examples
    --------
    >>> import xent
    >>> objectness, class_logits = [2.0, -1.0], [[1.0, 0.0], [0.0, 0.0]]
    >>> xent.two_stage_loss(objectness, class_logits, [0, -1], reduction="none").round(6)
    array([0.44019 , 0.313262])
    """
    function = "two_stage_loss"
    options = Options(
        axis=axis,
        weight=weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        reduction=reduction,
        normalizer=normalizer,
        empty=empty,
    )
    options.check(function)
    background_weight = _validate.non_negative(function, "background_weight", background_weight)
    if framework(class_logits) == "numpy":
        class_logits = _validate.floating(function, "class_logits", class_logits)
        _validate.class_axis(function, "class_logits", class_logits, axis)
    xp, n_classes = namespace(class_logits), class_logits.shape[axis]
    for name, value in (("a class", range(n_classes)), ("ignore_index", (ignore_index,))):
        if background in value:
            raise OptionError(
                function, f"background must not be {name}; got {background}", "-1 is usual; there is no class for it"
            )
    label = _label(function, target)
    classes = xp.where(label == background, ignore_index, label)
    if framework(classes) == "numpy":
        _validate.class_indices(function, classes, n_classes, ignore_index)
    found = classes != ignore_index
    each = _row_weights(function, label, found, n_classes, options, background, background_weight)

    parts: Reduction = "none" if reduction == "none" else "sum"
    of_entry = BinaryOptions(weight=each, reduction=parts)
    of_class = Options(axis=axis, sample_weight=each, ignore_index=ignore_index, reduction=parts)
    loss = sigmoid_loss(CrossEntropy(), function, objectness, found * 1.0, of_entry)
    loss = loss + softmax_loss(CrossEntropy(), function, class_logits, classes, of_class)
    if reduction != "mean":
        return loss
    total = each.sum() if normalizer is None else normalizer
    nothing = np.nan if empty == "nan" else 0.0
    mean = xp.where(total == 0, nothing, loss / xp.where(total == 0, 1.0, total))
    return float(mean) if framework(mean) == "numpy" else mean


def _row_weights(
    function: str,
    label: Any,
    found: Any,
    n_classes: int,
    options: Options,
    background: int,
    background_weight: float,
) -> Any:
    """Return the weight of each row: of its class or of the background, times its own, 0 where it is ignored."""
    xp, weight, sample_weight = namespace(label), options.weight, options.sample_weight
    if framework(label) == "numpy":
        if weight is not None:
            weight = _validate.weights(function, "weight", weight, (n_classes,))
        if sample_weight is not None:
            sample_weight = _validate.weights(function, "sample_weight", sample_weight, label.shape)
    each = (label == background) * background_weight
    each = each + (found * 1.0 if weight is None else xp.where(found, weight[xp.where(found, label, 0)], 0.0))
    return each if sample_weight is None else each * sample_weight


def two_stage_probs(objectness: Any, class_logits: Any, *, axis: int = -1) -> Any:
    """Probabilities of a head with two stages: σ(o) softmax(c)_k of the K classes, and σ(-o) of the background, last.

    Parameters
    ----------
    objectness
        One logit a row, of the class logits' shape without the class axis.
    class_logits
        Scores of K classes along ``axis``.
    axis
        The class axis.

    Returns
    -------
    Array of the shape of ``class_logits`` but K + 1 along ``axis``, of its dtype; each row sums to 1 within rounding.
    The background is the last entry, so -1 is its index.

    Raises
    ------
    ShapeError, DtypeError
        Shapes that do not fit; not real numbers.

    See Also
    --------
    two_stage_loss : minus its logarithm.

    Examples
    --------
    >>> import xent
    >>> xent.two_stage_probs([2.0, -1.0], [[1.0, 0.0], [0.0, 0.0]]).round(4)
    array([[0.6439, 0.2369, 0.1192],
           [0.1345, 0.1345, 0.7311]])
    """
    function = "two_stage_probs"
    scores, logit, dtype = class_logits, objectness, None
    if framework(class_logits) == "numpy":
        scores = _validate.floating(function, "class_logits", class_logits)
        axis = _validate.class_axis(function, "class_logits", scores, axis)
        dtype, scores = scores.dtype, scores.astype(np.float64)
        logit = _validate.floating(function, "objectness", objectness).astype(np.float64)
    xp, shape = namespace(scores), tuple(scores.shape)
    axis = axis % len(shape)
    if tuple(logit.shape) != shape[:axis] + shape[axis + 1 :]:
        raise ShapeError(
            function,
            f"objectness must have shape {shape[:axis] + shape[axis + 1 :]}; got shape {tuple(logit.shape)}",
            "it is one logit a row: the shape of class_logits without the class axis",
        )
    logit = logit.reshape((*shape[:axis], 1, *shape[axis + 1 :]))
    probs = xp.concatenate([_sigmoid(logit) * _softmax(scores, axis), _sigmoid(-logit)], axis)
    return probs if dtype is None else probs.astype(dtype, copy=False)


def _label(function: str, target: Any) -> Any:
    """Return class indices as integers that have room for any index."""
    if framework(target) == "torch":
        return target.long()
    if framework(target) == "jax":
        return target.astype(int)
    array = _validate.as_array(function, "target", target)
    if array.dtype.kind not in "iu":
        raise DtypeError(function, f"target must be integers; got dtype {array.dtype}", "cast it with .astype('int64')")
    return array.astype(np.int64)


def _array(values: Any, like: Any) -> Any:
    """Return what was given to a NumPy function as an array; None and other frameworks' arrays as they are."""
    return np.asarray(values) if values is not None and framework(like) == "numpy" else values


def _constant(array: Any) -> Any:
    return array.detach() if framework(array) == "torch" else sys.modules["jax"].lax.stop_gradient(array)


def _softmax(z: Any, axis: int) -> Any:
    return softmax(z, axis=axis) if framework(z) == "numpy" else _activations(z).softmax(z, axis)


def _sigmoid(z: Any) -> Any:
    return sigmoid(z) if framework(z) == "numpy" else _activations(z).sigmoid(z)


def _activations(array: Any) -> Any:
    return sys.modules["torch"] if framework(array) == "torch" else sys.modules["jax"].nn
