"""The losses as functions of tensors: torch's two, with torch's signatures, and those that xent's loss objects call.

What a call means, and what it is refused for, is settled here; the arithmetic is :mod:`xent.torch._plain`'s, or that of
something faster that gives the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.overrides import handle_torch_function, has_torch_function_variadic

from xent._options import BinaryOptions, Empty, Mean, Mining, Options, Stats
from xent.errors import DtypeError, OptionError
from xent.losses import LOSSES, CrossEntropy, Loss, Smoothing, get_loss
from xent.mining import HardNegatives
from xent.torch import _checks, _entries, _ops, _plain, _reduced, _regained, _rows

_CROSS_ENTROPY = CrossEntropy()


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    *,
    loss: Loss | str | None = None,
    smoothing: Smoothing = "uniform",
    z_loss: float = 0.0,
    temperature: float = 1.0,
    softcap: float | None = None,
    prior: Any = None,
    prior_strength: float = 1.0,
    sample_weight: Tensor | None = None,
    mining: Mining | None = None,
    mean: Mean = "torch",
    normalizer: Any = None,
    empty: Empty = "nan",
    return_stats: bool = False,
    loss_dtype: torch.dtype | None = None,
    inplace: bool = False,
) -> Any:
    """Cross-entropy of softmax logits, in nats: :func:`torch.nn.functional.cross_entropy`, and more by keyword.

    For a row with logits z, a target t over the classes (one-hot for a class index) and class weights w, the loss is
    ``Σ_k t_k w_k f(lse - z_k) + z_loss · lse² Σ_k t_k w_k`` with ``lse = log Σ_k exp z_k`` and f the curve of ``loss``,
    for cross-entropy the number itself.

    Parameters
    ----------
    input
        Logits of any floating dtype: (K,), (n, K) or (n, K, d1, …), classes along axis 1.
    target
        Class indices, int64 or uint8, of the shape without the class axis; or probabilities of the logits' shape.
    weight
        One weight a class, (K,), of the logits' dtype.
    size_average, reduce
        Torch's old words for ``reduction``.
    ignore_index
        Rows with this target take no part: loss and gradient exactly 0, even where their logits are NaN.
    reduction
        ``"mean"`` (see ``mean``), ``"sum"``, or ``"none"``: one loss a row.
    label_smoothing
        ε in [0, 1]: the target t becomes (1-ε) t + ε u.
    loss
        Another loss of :mod:`xent.losses`, or its name, such as ``Focal(2.0)`` or ``"focal(gamma=2.0)"``. Under
        torch.compile build the object outside, or pass a bare name.
    smoothing, z_loss
        Parameters of the loss, see :class:`xent.losses.Loss`; not beside a loss object, which has its own.
    temperature, softcap, prior, prior_strength, mining, normalizer, empty, return_stats
        As in :func:`xent.cross_entropy`.
    sample_weight
        One weight a row, of the target's shape or broadcasting to it.
    mean
        What the mean divides by. ``"torch"``: Σ of the weights of the targets for class indices, the number of rows for
        probabilities, sample weights in both. ``"weighted"``: Σ of the weights in both cases.
    loss_dtype
        Dtype of the result; the logits' (as torch has it) where it is None. float32 keeps what half precision drops.
    inplace
        Whether the memory of the logits may be used for their gradient.

    Returns
    -------
    A tensor; with ``return_stats`` a pair of that and :class:`xent._options.Stats`. Half precision is computed in
    float32, and the sum over rows in float64.

    Raises
    ------
    RuntimeError, ValueError, IndexError, TypeError
        What torch refuses, in its words.
    OptionError, ShapeError
        A keyword that torch does not have, out of its range.

    See Also
    --------
    xent.cross_entropy : the same for arrays of every framework, with the classes last and ``mean="weighted"``.

    Examples
    --------
    >>> import torch
    >>> import xent.torch
    >>> xent.torch.cross_entropy(torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1]))
    tensor(0.4100)
    """
    extra = (
        loss, smoothing, z_loss, temperature, softcap, prior, prior_strength, sample_weight, mining, mean, normalizer,
        empty, return_stats, loss_dtype, inplace,
    )  # fmt: skip
    if extra[1:] == _LOSS_ALONE and size_average is None and reduce is None:
        usual = _reduced.quick(input, target, weight, ignore_index, reduction, label_smoothing, loss)
        if usual is not None:
            return usual
    if has_torch_function_variadic(input, target, weight):
        return handle_torch_function(
            cross_entropy,
            (input, target, weight),
            input,
            target,
            weight=weight,
            size_average=size_average,
            ignore_index=ignore_index,
            reduce=reduce,
            reduction=reduction,
            label_smoothing=label_smoothing,
            **_given(_SOFTMAX_EXTRA, extra),
        )
    reduction = _checks.reduction(size_average, reduce, reduction)
    dtype = _checks.softmax_dtype(input, target, weight, ignore_index, label_smoothing)
    if dtype is None:
        value = _checks.torch_cross_entropy(input, target, weight, None, ignore_index, None, reduction, label_smoothing)
        return _as_torch_has_it("cross_entropy", value, _given(_SOFTMAX_EXTRA, extra))
    which = _loss("cross_entropy", loss, label_smoothing, smoothing, z_loss)
    options = Options(
        axis=1 if input.dim() > 1 else 0,
        weight=weight,
        sample_weight=sample_weight,
        ignore_index=ignore_index,
        temperature=temperature,
        softcap=softcap,
        prior=prior,
        prior_strength=prior_strength,
        mining=mining,
        reduction=reduction,  # type: ignore[arg-type]
        mean=mean,
        normalizer=normalizer,
        empty=empty,
        return_stats=return_stats,
    )
    options = _checked(options, "cross_entropy")
    owner = input._base if inplace and input._base is not None else input
    if inplace and owner.requires_grad and owner.is_leaf and torch.is_grad_enabled():
        raise OptionError(
            "cross_entropy",
            "inplace must be False for a leaf that requires grad; got inplace=True",
            "its numbers are what is optimised: pass what a layer made of it, or leave inplace out",
        )
    logits = input.movedim(options.axis, -1)
    if target.dim() == input.dim():
        target = target.movedim(options.axis, -1)
    else:
        target = target.long()  # bytes, as torch has it, are numbers too; it would compare others with them as bytes
        _checks.class_indices(target, logits.shape[-1], ignore_index)
    return _softmax("cross_entropy", which, logits, target, options, loss_dtype or dtype, inplace)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
    *,
    loss: Loss | str | None = None,
    label_smoothing: float = 0.0,
    smoothing: Smoothing = "uniform",
    temperature: float = 1.0,
    softcap: float | None = None,
    sample_weight: Tensor | None = None,
    ignore_index: int | None = None,
    mask: Tensor | None = None,
    mining: Mining | None = None,
    mean: Mean = "torch",
    normalizer: Any = None,
    empty: Empty = "nan",
    loss_dtype: torch.dtype | None = None,
    inplace: bool = False,
) -> Tensor:
    """Cross-entropy of sigmoid logits, in nats: torch's function of this name, and more by keyword.

    For a logit z, a target t and the weight v of the positives, the loss is ``weight`` times
    ``v t f(softplus(-z)) + (1-t) f(softplus(z))``, with f the curve of ``loss``, for cross-entropy the number itself.

    Parameters
    ----------
    input
        Logits of any shape and floating dtype, one decision an entry.
    target
        0, 1 or a probability for each, of the same shape; floating.
    weight, pos_weight
        Weights of the entries, and of the positive part of each, that broadcast to that shape.
    size_average, reduce
        Torch's old words for ``reduction``.
    reduction
        ``"mean"`` (see ``mean``), ``"sum"``, or ``"none"``: one loss an entry.
    loss
        Another loss of :mod:`xent.losses`, or its name, such as ``Focal(2.0, alpha=0.25)``.
    label_smoothing, smoothing
        Parameters of the loss, see :class:`xent.losses.Loss`; not beside a loss object, which has its own.
    temperature, softcap, mining, normalizer, empty
        As in :func:`xent.binary_cross_entropy`.
    sample_weight
        One weight a row: the logits' shape without its last axis (for logits of one axis, its shape).
    ignore_index
        Entries with this target take no part: loss and gradient exactly 0. None: there is no such target.
    mask
        Booleans that broadcast to the logits' shape: False takes no part.
    mean
        ``"torch"``: Σ over the number of entries that take part; ``"weighted"``: over the sum of their weights.
    loss_dtype, inplace
        As in :func:`cross_entropy`; without ``loss_dtype`` the result has the target's dtype, as torch has it.

    Returns
    -------
    A tensor. Half precision is computed in float32, and the sum over entries in float64.

    Raises
    ------
    RuntimeError, ValueError, TypeError
        What torch refuses, in its words.
    OptionError, ShapeError
        A keyword that torch does not have, out of its range.

    Examples
    --------
    >>> import torch
    >>> import xent.torch
    >>> xent.torch.binary_cross_entropy_with_logits(torch.tensor([0.0, 3.0]), torch.tensor([1.0, 1.0]), reduction="sum")
    tensor(0.7417)
    """
    extra = (
        loss, label_smoothing, smoothing, temperature, softcap, sample_weight, ignore_index, mask, mining, mean,
        normalizer, empty, loss_dtype, inplace,
    )  # fmt: skip
    function = "binary_cross_entropy_with_logits"
    if has_torch_function_variadic(input, target, weight, pos_weight):
        return handle_torch_function(  # type: ignore[no-any-return, unused-ignore]
            binary_cross_entropy_with_logits,
            (input, target, weight, pos_weight),
            input,
            target,
            weight=weight,
            size_average=size_average,
            reduce=reduce,
            reduction=reduction,
            pos_weight=pos_weight,
            **_given(_SIGMOID_EXTRA, extra),
        )
    reduction = _checks.reduction(size_average, reduce, reduction)
    dtype = _checks.sigmoid_dtype(input, target, weight, pos_weight)
    if dtype is None:
        value = _checks.torch_binary_cross_entropy_with_logits(input, target, weight, None, None, reduction, pos_weight)
        return _as_torch_has_it(function, value, _given(_SIGMOID_EXTRA, extra))
    which = _loss(function, loss, label_smoothing, smoothing, 0.0)
    options = BinaryOptions(
        weight=weight,
        pos_weight=pos_weight,
        sample_weight=sample_weight,
        mask=mask,
        temperature=temperature,
        softcap=softcap,
        mining=mining,
        reduction=reduction,  # type: ignore[arg-type]
        mean=mean,
        normalizer=normalizer,
        empty=empty,
    )
    options = _checked(options, function, which)
    live = None if ignore_index is None else target != ignore_index
    if mask is not None:
        mask = _checks.boolean(function, "mask", mask, input)
        live = mask if live is None else live & mask
    return _sigmoid(function, which, input, target, live, options, loss_dtype or dtype)


#: The keywords that torch does not have, with their defaults.
_SOFTMAX_EXTRA: dict[str, Any] = cross_entropy.__kwdefaults__ or {}
_SIGMOID_EXTRA: dict[str, Any] = binary_cross_entropy_with_logits.__kwdefaults__ or {}
_LOSS_ALONE = tuple(_SOFTMAX_EXTRA.values())[1:]  # none of them given but the first, the loss


def softmax_loss(loss: Loss, function: str, logits: Tensor, target: Any, options: Options) -> Any:
    """Return the reduced loss of softmax rows, as :func:`xent.cross_entropy` says it; a pair with ``return_stats``.

    The result has the dtype of the logits, float32 for half precision. Numbers of a tensor are checked where it lies on
    the CPU and is not being traced.
    """
    options = _checked(options, function)
    logits, target = _checks.softmax_arguments(function, logits, target, options.axis, options.ignore_index)
    if options.weight is not None:
        weight = _checks.weights(function, "weight", options.weight, logits, logits.shape[-1:])
        options = replace(options, weight=weight)
    return _softmax(function, loss, logits, target, options, _plain.compute_dtype(logits))


def sigmoid_loss(loss: Loss, function: str, logits: Tensor, target: Any, options: BinaryOptions) -> Tensor:
    """Return the reduced loss of sigmoid entries, as :func:`xent.binary_cross_entropy` says it.

    Dtype and checks are those of :func:`softmax_loss`.
    """
    options = _checked(options, function, loss)
    target, live = _checks.sigmoid_arguments(function, logits, target, options)
    if options.weight is not None:
        options = replace(options, weight=_checks.weights(function, "weight", options.weight, logits, logits.shape))
    if options.pos_weight is not None:
        pos_weight = _checks.weights(function, "pos_weight", options.pos_weight, logits, logits.shape)
        options = replace(options, pos_weight=pos_weight)
    return _sigmoid(function, loss, logits, target, live, options, _plain.compute_dtype(logits))


def _given(defaults: dict[str, Any], values: tuple[Any, ...]) -> dict[str, Any]:
    """Return the keywords that were given something else than their default."""
    pairs = zip(defaults.items(), values, strict=True)
    return {key: value for (key, default), value in pairs if value is not default and not _same(value, default)}


def _same(value: Any, default: Any) -> bool:
    return isinstance(default, (int, float, str)) and isinstance(value, (int, float, str)) and value == default


def _as_torch_has_it(function: str, value: Tensor, given: dict[str, Any]) -> Tensor:
    """Return what torch made of arguments that xent knows nothing of."""
    if given:
        raise DtypeError(
            function,
            f"input, target and weight must be strided tensors of floating dtypes and one device to go with "
            f"{', '.join(given)}; got what torch alone serves",
            "leave those keywords out, or pass ordinary tensors",
        )
    return value


def _checked(options: Any, *of: Any) -> Any:
    """Return the options, having checked them."""
    if torch.compiler.is_compiling():
        numbers = {name: getattr(options, name, None) for name in ("temperature", "softcap", "prior_strength")}
        given = {name: _ops.constant(value) for name, value in numbers.items() if value is not None}
        options = replace(options, **given)
    options.check(*of)
    return options


def _loss(function: str, loss: Loss | str | None, label_smoothing: float, smoothing: Any, z_loss: float) -> Loss:
    if torch.compiler.is_compiling():
        label_smoothing, z_loss = _ops.constant(label_smoothing), _ops.constant(z_loss)
    if loss is None:
        if label_smoothing == 0 and smoothing == "uniform" and z_loss == 0:
            return _CROSS_ENTROPY
        return CrossEntropy(label_smoothing=label_smoothing, smoothing=smoothing, z_loss=z_loss)
    if label_smoothing != 0 or smoothing != "uniform" or z_loss != 0:
        raise OptionError(
            function,
            "label_smoothing, smoothing and z_loss must be set in the loss object where there is one; "
            f"got loss={loss!r} beside them",
            "build the loss with them, such as Focal(2.0, label_smoothing=0.1)",
        )
    if isinstance(loss, str) and loss in LOSSES:  # a tracer cannot follow the parsing of parameters
        return LOSSES[loss]()
    return get_loss(loss)


# --- softmax rows -----------------------------------------------------------------------------------------------------


def _softmax(
    function: str,
    loss: Loss,
    logits: Tensor,
    target: Tensor,
    options: Options,
    dtype: torch.dtype,
    inplace: bool = False,
) -> Any:
    """Return the reduced loss, and what else is asked for; the classes lie along the last axis."""
    rows = logits.shape[:-1]
    scale, softcap, offset = 1.0 / options.temperature, options.softcap, None
    if options.prior is not None:
        wide = _plain.compute_dtype(logits)
        offset = _checks.log_prior(function, options.prior, logits, logits.shape[-1], wide) * options.prior_strength
    row_weight = options.sample_weight
    if row_weight is not None:
        row_weight = _checks.weights(function, "sample_weight", row_weight, logits, rows)
    weight, ignore_index = options.weight, options.ignore_index

    fast = _rows.serves(loss, logits, target, weight, offset, row_weight)

    def values_of(z: Tensor) -> Tensor:
        if row_weight is not None and not fast:
            z = _plain.quiet(z, (row_weight == 0).unsqueeze(-1))
        values = _row_values(loss, z, target, weight, ignore_index, scale, softcap, offset)
        return values if row_weight is None else _plain.times(row_weight.to(values.dtype), values)

    is_index = _plain.is_index(logits, target)
    if options.mining is not None:
        with torch.no_grad():
            values = values_of(logits.detach())
            label = target if is_index else target.argmax(-1)
            positive = label != options.mining.background if isinstance(options.mining, HardNegatives) else None
            live = target != ignore_index if is_index else torch.ones_like(values, dtype=torch.bool)
            if row_weight is not None:
                live = live & (row_weight > 0)
            kept = options.mining.keep(values, positive, live)
        row_weight = kept.to(values.dtype) if row_weight is None else torch.where(kept, row_weight, 0)

    # Whether one pass will do: what the rows are divided by must be known before they are.
    divides = options.reduction == "mean" and options.normalizer is None
    at_once = _reduced.knows(loss, is_index, logits.shape[-1]) and (is_index or not divides or options.mean == "torch")
    at_once = at_once and softcap is None and offset is None and options.reduction != "none"
    at_once = at_once and not _needs_grad(options.normalizer)
    if at_once and not options.return_stats and _reduced.serves(logits, -1, target, weight, row_weight):
        how = _regained.Reduction(
            mean=options.reduction == "mean",
            normalizer=None if options.normalizer is None else float(options.normalizer),
            when_empty=0.0 if options.empty == "zero" else float("nan"),
            row_weight=None if row_weight is None else row_weight.to(torch.float64).expand(rows).contiguous(),
            dtype=dtype,
        )
        return _reduced.reduced(loss, logits, logits.dim() - 1, target, weight, ignore_index, scale, how, inplace)

    value = values_of(logits)
    if options.reduction == "none" or options.reduction == "sum" or options.normalizer is not None:
        counted = None
    elif options.mean == "torch" and not is_index:
        counted = torch.ones_like(value) if row_weight is None else row_weight
    else:
        counted = _plain.mass_of(logits, target, weight, ignore_index)
        counted = counted if row_weight is None else _plain.times(row_weight.to(counted.dtype), counted)
    value = _reduce(value, counted, options).to(dtype)
    if not options.return_stats:
        return value
    stats: Stats = _plain.row_stats(logits, target, ignore_index, scale, softcap, offset)
    return value, stats


def _row_values(
    loss: Loss,
    logits: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    scale: float,
    softcap: float | None,
    offset: Tensor | None,
) -> Tensor:
    """Return the loss of each row, before its own weight, in float32 or float64."""
    if _rows.serves(loss, logits, target, weight, offset):
        return _rows.row_values(loss, logits, target, weight, ignore_index, scale, softcap, offset)
    if torch.compiler.is_compiling() and not (_transforming() or any(map(_needs_grad, (target, weight, offset)))):
        return _ops.row_values(loss, logits, target, weight, ignore_index, scale, softcap, offset)
    return _plain.row_values(loss, logits, target, weight, ignore_index, scale, softcap, offset)


def _needs_grad(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad


def _transforming() -> bool:
    """Say whether the call is inside a transform of torch.func; a tracer asks while it traces."""
    return torch._C._functorch.maybe_current_level() is not None


# What torch.compiler.assume_constant_result does, which would load the whole compiler for it.
_transforming._dynamo_marked_constant = True  # type: ignore[attr-defined]


# --- sigmoid entries --------------------------------------------------------------------------------------------------


def _sigmoid(
    function: str,
    loss: Loss,
    logits: Tensor,
    target: Tensor,
    live: Tensor | None,
    options: BinaryOptions,
    dtype: torch.dtype,
) -> Tensor:
    """Return the reduced loss; ``live`` says which entries take part, None: all."""
    scale, softcap = 1.0 / options.temperature, options.softcap
    plain = softcap is not None or options.mining is not None or _needs_grad(options.normalizer)
    if not plain and options.reduction != "none":
        fast = _entries.entries_asked(loss, logits, target, live, options, dtype)
        if fast is not None:
            return _entries.entries(logits, target, fast)
    weight = options.weight
    if options.sample_weight is not None:
        rows = logits.shape[:-1] if logits.dim() > 1 else logits.shape
        each = _checks.weights(function, "sample_weight", options.sample_weight, logits, rows)
        each = each.unsqueeze(-1) if logits.dim() > 1 else each
        weight = each if weight is None else weight * each

    def values_of(z: Tensor) -> Tensor:
        return _plain.entry_values(loss, z, target, weight, options.pos_weight, live, scale, softcap)

    if options.mining is not None:
        with torch.no_grad():
            values = values_of(logits.detach())
            live = torch.ones_like(values, dtype=torch.bool) if live is None else live
            taking_part = live if weight is None else live & (weight > 0)
            live = live & options.mining.keep(values, target >= 0.5, taking_part)

    value = values_of(logits)
    if options.reduction == "none" or options.reduction == "sum" or options.normalizer is not None:
        counted = None
    else:
        counted = torch.ones_like(value) if live is None else live.to(value.dtype)
        if options.mean == "weighted" and weight is not None:
            counted = _plain.times(counted, weight.to(value.dtype).expand(value.shape))
    return _reduce(value, counted, options).to(dtype)


def _reduce(values: Tensor, counted: Tensor | None, options: Options | BinaryOptions) -> Tensor:
    """Return the reduced values; ``counted`` is what each adds to the mean's denominator."""
    if options.reduction == "none":
        return values
    wide = values.dtype if values.device.type == "mps" else torch.float64  # which that device does not have
    total = values.sum(dtype=wide)
    if options.reduction == "sum":
        return total
    if counted is None:
        mean: Tensor = total / options.normalizer
        return mean
    denominator = counted.sum(dtype=wide)
    nothing = denominator == 0
    mean = total / torch.where(nothing, 1.0, denominator)
    # Torch's value, NaN, or inf of weights that cancel; without a gradient.
    instead = total.detach() / denominator.detach() if options.empty == "nan" else torch.zeros_like(mean)
    return torch.where(nothing, instead, mean)
