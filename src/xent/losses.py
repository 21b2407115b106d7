"""Every loss, defined once, as a function of a row's statistics.

A loss sees no logits. Of a row it is given ``log_sum`` = lse - max, ``target_logit`` = Σ t_k (z_k - max) and
``mean_logit`` = Σ c_k (z_k - max) (see :class:`xent.kernels.numpy.RowStats`), and returns its value with its partial
derivatives with respect to lse, target_logit and mean_logit. The gradient of the logits is then, for every loss,

    dlogits = d_lse · softmax(z) + d_target · t + d_mean · c

which the kernels write without knowing the loss. A binary decision is the two-class row (0, z), so each loss serves
sigmoids as it serves softmaxes.

To add a loss: write a frozen dataclass here and put ``@register("its_name")`` on it. Its tests, its line in the
documentation's table and the name on the command line follow from the registry.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _pipeline, _validate
from xent.errors import OptionError
from xent.kernels.numpy import RowStats

Float64 = NDArray[np.float64]


class Partials(NamedTuple):
    """A loss's value for each row, and its derivatives; each of shape (n,), or a number where constant."""

    value: Float64
    d_lse: Float64 | float
    d_target: Float64 | float
    d_mean: Float64 | float


class Loss(ABC):
    """A loss of the softmax family: a small frozen value that is called, printed, compared and stored."""

    name: ClassVar[str]
    #: Convex in the logits: what a solver needs to promise an optimum.
    convex: ClassVar[bool]
    #: Unchanged when a number is added to all logits of a row.
    shift_invariant: ClassVar[bool]

    @property
    def uses_mean(self) -> bool:
        """Whether ``mean_logit`` is needed, with c = (class weight)/K."""
        return False

    @abstractmethod
    def partials(self, stats: RowStats, mass: Float64, class_mass: Float64 | float) -> Partials:
        """Return value and partials of each row.

        ``mass`` is Σ_k t_k (1 without class weights) and ``class_mass`` Σ_k c_k (a number, or one a row).
        """

    def __call__(
        self,
        logits: ArrayLike,
        target: ArrayLike,
        *,
        axis: int = -1,
        weight: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        ignore_index: int = -100,
        temperature: float = 1.0,
        reduction: _validate.Reduction = "mean",
    ) -> float | Float64:
        """Return the loss of softmax logits; the arguments are those of :func:`xent.cross_entropy`."""
        options = _pipeline.Options(axis, weight, sample_weight, ignore_index, temperature, reduction)
        return _pipeline.softmax_loss(self, self.name, logits, target, options)


#: Name → class of every loss.
LOSSES: dict[str, type[Loss]] = {}


def register(name: str) -> Callable[[type[Loss]], type[Loss]]:
    """Enter a loss under its name."""

    def enter(cls: type[Loss]) -> type[Loss]:
        cls.name = name
        LOSSES[name] = cls
        return cls

    return enter


def get_loss(loss: str | Loss) -> Loss:
    """Return the loss of that name with its defaults, or the loss itself.

    >>> from xent.losses import get_loss
    >>> get_loss("cross_entropy")
    CrossEntropy(label_smoothing=0.0)
    """
    if isinstance(loss, Loss):
        return loss
    if loss not in LOSSES:
        raise OptionError(
            "get_loss", f"loss must be one of {sorted(LOSSES)} or a Loss; got {loss!r}", "see xent.losses"
        )
    return LOSSES[loss]()


@register("cross_entropy")
@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy, with label smoothing ε spread evenly over all classes (ε/K each).

        (1-ε) Σ_k t_k (lse - z_k) + ε Σ_k c_k (lse - z_k),   c = (class weight)/K

    Source: Szegedy et al. 2016 (doi:10.1109/CVPR.2016.308) for the smoothing.
    """

    label_smoothing: float = 0.0

    convex: ClassVar[bool] = True
    shift_invariant: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Check the parameter."""
        _validate.share(self.name, "label_smoothing", self.label_smoothing)

    @property
    def uses_mean(self) -> bool:
        """Whether there is any smoothing."""
        return self.label_smoothing > 0

    def partials(self, stats: RowStats, mass: Float64, class_mass: Float64 | float) -> Partials:
        """Return value and partials, the latter constant: the gradient can be had without the value."""
        eps = self.label_smoothing
        value = np.zeros_like(stats.log_sum)
        if eps < 1:
            value = (1.0 - eps) * (_pipeline.weighted(mass, stats.log_sum) - stats.target_logit)
        if eps > 0:
            value = value + eps * (class_mass * stats.log_sum - stats.mean_logit)
        return Partials(value, d_lse=(1.0 - eps) * mass + eps * class_mass, d_target=-(1.0 - eps), d_mean=-eps)
