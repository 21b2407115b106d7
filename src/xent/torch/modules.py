"""The losses as modules: each a thin skin on one loss object and the two functions of :mod:`xent.torch`.

:class:`CrossEntropyLoss` and :class:`BCEWithLogitsLoss` are torch's, with the same arguments and the same
``state_dict``. Every module takes the further keywords of its function when it is built, except ``sample_weight``,
``mask`` and ``normalizer``: those belong to a batch, and are keywords of the call.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import _reduction

from xent import losses
from xent.losses import Loss, Smoothing, get_loss
from xent.torch import _functional
from xent.torch._functional import binary_cross_entropy_with_logits, cross_entropy

_OF_A_CALL = ("sample_weight", "mask", "normalizer")


def _checked(function: str, defaults: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a module, having checked that its function knows them."""
    for name in options:
        if name not in defaults or name in _OF_A_CALL:
            where = "call it with that keyword" if name in defaults else "there is no such option"
            raise TypeError(f"{function} got an unexpected keyword argument {name!r}: {where}")
    return {name: value for name, value in options.items() if value is not defaults[name]}


def _said(module: torch.nn.Module, options: dict[str, Any]) -> str:
    """Return what a module's repr says beside its name."""
    return ", ".join(f"{name}={value!r}" for name, value in options.items() if not isinstance(value, Tensor))


# --- torch's two ------------------------------------------------------------------------------------------------------

# Their methods are put into torch's own classes by install(), and so do without super(), and rely on no attribute that
# an older instance may lack.
_softmax_init = torch.nn.CrossEntropyLoss.__init__
_sigmoid_init = torch.nn.BCEWithLogitsLoss.__init__


class CrossEntropyLoss(torch.nn.CrossEntropyLoss):
    """Cross-entropy of softmax logits: :class:`torch.nn.CrossEntropyLoss`, faster and with more options.

    Parameters
    ----------
    weight, size_average, ignore_index, reduce, reduction, label_smoothing
        As in :func:`xent.torch.cross_entropy`; ``weight`` is a buffer.
    **options
        Its further keywords.

    Notes
    -----
    Called with (input, target), and by keyword ``sample_weight`` and ``normalizer``.

    Examples
    --------
    >>> import torch
    >>> import xent.torch
    >>> criterion = xent.torch.CrossEntropyLoss(ignore_index=0, z_loss=1e-4)
    >>> criterion(torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1]))
    tensor(0.6932)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
        **options: Any,
    ) -> None:
        options = _checked("CrossEntropyLoss", _functional._SOFTMAX_EXTRA, options)
        _softmax_init(self, weight, size_average, ignore_index, reduce, reduction, label_smoothing)
        if options:
            self.options = options

    def forward(self, input: Tensor, target: Tensor, *, sample_weight: Any = None, normalizer: Any = None) -> Any:
        """Return the loss."""
        return cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
            sample_weight=sample_weight,
            normalizer=normalizer,
            **getattr(self, "options", {}),
        )

    def extra_repr(self) -> str:
        """Return the options that torch does not have."""
        return _said(self, getattr(self, "options", {}))


class BCEWithLogitsLoss(torch.nn.BCEWithLogitsLoss):
    """Cross-entropy of sigmoid logits: :class:`torch.nn.BCEWithLogitsLoss`, with more options.

    Parameters
    ----------
    weight, size_average, reduce, reduction, pos_weight
        As in :func:`xent.torch.binary_cross_entropy_with_logits`; the weights are buffers.
    **options
        Its further keywords.

    Notes
    -----
    Called with (input, target), and by keyword ``sample_weight``, ``mask`` and ``normalizer``.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
        **options: Any,
    ) -> None:
        options = _checked("BCEWithLogitsLoss", _functional._SIGMOID_EXTRA, options)
        _sigmoid_init(self, weight, size_average, reduce, reduction, pos_weight)
        if options:
            self.options = options

    def forward(
        self, input: Tensor, target: Tensor, *, sample_weight: Any = None, mask: Any = None, normalizer: Any = None
    ) -> Tensor:
        """Return the loss."""
        return binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
            sample_weight=sample_weight,
            mask=mask,
            normalizer=normalizer,
            **getattr(self, "options", {}),
        )

    def extra_repr(self) -> str:
        """Return the options that torch does not have."""
        return _said(self, getattr(self, "options", {}))


# --- the others -------------------------------------------------------------------------------------------------------


class SoftmaxLoss(torch.nn.Module):
    """Any loss of softmax logits as a module.

    Parameters
    ----------
    loss
        A loss of :mod:`xent.losses`, or its name.
    weight, ignore_index, reduction
        As in :func:`xent.torch.cross_entropy`; ``weight`` is a buffer.
    **options
        Its further keywords. A ``prior`` that is a tensor moves with the module, but is not in its ``state_dict``.

    Notes
    -----
    Called with (input, target), and by keyword ``sample_weight`` and ``normalizer``.
    """

    weight: Tensor | None
    prior: Tensor | None

    def __init__(
        self,
        loss: Loss | str,
        *,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        **options: Any,
    ) -> None:
        super().__init__()
        _reduction.get_enum(reduction)
        self.loss = get_loss(loss)
        self.options = _checked(type(self).__name__, _functional._SOFTMAX_EXTRA, options)
        self.ignore_index, self.reduction = ignore_index, reduction
        self.register_buffer("weight", weight)
        self.register_buffer("prior", _tensor_of(self.options, "prior"), persistent=False)

    def forward(self, input: Tensor, target: Tensor, *, sample_weight: Any = None, normalizer: Any = None) -> Any:
        """Return the loss."""
        options = self.options if self.prior is None else {**self.options, "prior": self.prior}
        return cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            loss=self.loss,
            sample_weight=sample_weight,
            normalizer=normalizer,
            **options,
        )

    def extra_repr(self) -> str:
        """Return the loss, and the options."""
        return ", ".join(filter(None, [repr(losses.describe(self.loss)), _said(self, self.options)]))


class SigmoidLoss(torch.nn.Module):
    """Any loss of sigmoid logits as a module.

    Parameters
    ----------
    loss
        A loss of :mod:`xent.losses`, or its name.
    weight, pos_weight, reduction
        As in :func:`xent.torch.binary_cross_entropy_with_logits`; the weights are buffers.
    **options
        Its further keywords.

    Notes
    -----
    Called with (input, target), and by keyword ``sample_weight``, ``mask`` and ``normalizer``.
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(
        self,
        loss: Loss | str,
        *,
        weight: Tensor | None = None,
        pos_weight: Tensor | None = None,
        reduction: str = "mean",
        **options: Any,
    ) -> None:
        super().__init__()
        _reduction.get_enum(reduction)
        self.loss = get_loss(loss)
        self.options = _checked(type(self).__name__, _functional._SIGMOID_EXTRA, options)
        self.reduction = reduction
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(
        self, input: Tensor, target: Tensor, *, sample_weight: Any = None, mask: Any = None, normalizer: Any = None
    ) -> Tensor:
        """Return the loss."""
        return binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
            loss=self.loss,
            sample_weight=sample_weight,
            mask=mask,
            normalizer=normalizer,
            **self.options,
        )

    def extra_repr(self) -> str:
        """Return the loss, and the options."""
        return ", ".join(filter(None, [repr(losses.describe(self.loss)), _said(self, self.options)]))


def _tensor_of(options: dict[str, Any], name: str) -> Tensor | None:
    """Take an option out that is a tensor."""
    return options.pop(name) if isinstance(options.get(name), Tensor) else None


class FocalLoss(SoftmaxLoss):
    """:class:`xent.losses.Focal` of softmax logits: rows that are right already count less.

    Parameters
    ----------
    gamma, alpha, label_smoothing, smoothing, z_loss
        Those of the loss.
    **options
        Those of :class:`SoftmaxLoss`.

    Examples
    --------
    >>> import torch
    >>> import xent.torch
    >>> criterion = xent.torch.FocalLoss(gamma=1.5, weight=torch.tensor([1.0, 3.0]))
    >>> criterion
    FocalLoss('focal(gamma=1.5)')
    >>> criterion(torch.tensor([[2.0, 0.0], [0.0, 0.0]]), torch.tensor([0, 1]))
    tensor(0.1851)
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: Any = None,
        *,
        label_smoothing: float = 0.0,
        smoothing: Smoothing = "uniform",
        z_loss: float = 0.0,
        **options: Any,
    ) -> None:
        loss = losses.Focal(gamma, alpha, label_smoothing=label_smoothing, smoothing=smoothing, z_loss=z_loss)
        super().__init__(loss, **options)


class Poly1Loss(SoftmaxLoss):
    """:class:`xent.losses.Poly1` of softmax logits: cross-entropy plus ε (1 - p).

    Parameters
    ----------
    epsilon, label_smoothing, smoothing, z_loss
        Those of the loss.
    **options
        Those of :class:`SoftmaxLoss`.
    """

    def __init__(
        self,
        epsilon: float = 1.0,
        *,
        label_smoothing: float = 0.0,
        smoothing: Smoothing = "uniform",
        z_loss: float = 0.0,
        **options: Any,
    ) -> None:
        loss = losses.Poly1(epsilon, label_smoothing=label_smoothing, smoothing=smoothing, z_loss=z_loss)
        super().__init__(loss, **options)


class GeneralizedCrossEntropyLoss(SoftmaxLoss):
    """:class:`xent.losses.GeneralizedCrossEntropy` of softmax logits: bounded, for noisy labels.

    Parameters
    ----------
    q, label_smoothing, smoothing, z_loss
        Those of the loss.
    **options
        Those of :class:`SoftmaxLoss`.
    """

    def __init__(
        self,
        q: float = 0.7,
        *,
        label_smoothing: float = 0.0,
        smoothing: Smoothing = "uniform",
        z_loss: float = 0.0,
        **options: Any,
    ) -> None:
        loss = losses.GeneralizedCrossEntropy(q, label_smoothing=label_smoothing, smoothing=smoothing, z_loss=z_loss)
        super().__init__(loss, **options)


class SymmetricCrossEntropyLoss(SoftmaxLoss):
    """:class:`xent.losses.SymmetricCrossEntropy` of softmax logits, for noisy labels.

    Parameters
    ----------
    alpha, beta, log_zero, label_smoothing, smoothing, z_loss
        Those of the loss.
    **options
        Those of :class:`SoftmaxLoss`.
    """

    def __init__(
        self,
        alpha: float = 0.1,
        beta: float = 1.0,
        log_zero: float = -4.0,
        *,
        label_smoothing: float = 0.0,
        smoothing: Smoothing = "uniform",
        z_loss: float = 0.0,
        **options: Any,
    ) -> None:
        loss = losses.SymmetricCrossEntropy(
            alpha, beta, log_zero, label_smoothing=label_smoothing, smoothing=smoothing, z_loss=z_loss
        )
        super().__init__(loss, **options)


class SigmoidFocalLoss(SigmoidLoss):
    """:class:`xent.losses.Focal` of sigmoid logits, with RetinaNet's parameters.

    Parameters
    ----------
    gamma, alpha, label_smoothing, smoothing
        Those of the loss.
    **options
        Those of :class:`SigmoidLoss`.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | None = 0.25,
        *,
        label_smoothing: float = 0.0,
        smoothing: Smoothing = "uniform",
        **options: Any,
    ) -> None:
        super().__init__(losses.Focal(gamma, alpha, label_smoothing=label_smoothing, smoothing=smoothing), **options)


class AsymmetricLoss(SigmoidLoss):
    """:class:`xent.losses.Asymmetric` of sigmoid logits, for multilabel data with few positives.

    Parameters
    ----------
    gamma_pos, gamma_neg, margin, label_smoothing, smoothing
        Those of the loss.
    **options
        Those of :class:`SigmoidLoss`.
    """

    def __init__(
        self,
        gamma_pos: float = 0.0,
        gamma_neg: float = 4.0,
        margin: float = 0.05,
        *,
        label_smoothing: float = 0.0,
        smoothing: Smoothing = "uniform",
        **options: Any,
    ) -> None:
        loss = losses.Asymmetric(gamma_pos, gamma_neg, margin, label_smoothing=label_smoothing, smoothing=smoothing)
        super().__init__(loss, **options)
