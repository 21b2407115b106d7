"""The options of a loss call, the same for every framework, and what is refused among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from xent import _validate
from xent._arrays import framework
from xent.errors import OptionError
from xent.mining import Hardest, HardNegatives

if TYPE_CHECKING:
    from xent.losses import Loss

Reduction = Literal["none", "mean", "sum"]
Mean = Literal["weighted", "torch"]
Empty = Literal["nan", "zero"]
Mining = Hardest | HardNegatives

_OF_THE_LOSS = ("label_smoothing", "smoothing", "z_loss")
_NOT_FOR_SIGMOIDS = {
    "prior": "add the log-odds of each label's prior to its logits, or weight its positives with pos_weight",
    "prior_strength": "it belongs to prior, which is for softmax",
    "axis": "each entry is a decision of its own: sigmoids have no class axis",
    "return_stats": "lse and entropy are of a softmax row; see xent.sigmoid and xent.log_sigmoid",
}


class Stats(NamedTuple):
    """What ``return_stats=True`` adds: one entry a row, without gradient.

    ``lse`` is log Σ exp z; ``target_log_prob`` is log p of the target's class, Σ q_k log p_k of probabilities, NaN for
    an ignored row; ``entropy`` is that of the prediction, in nats; ``correct`` says whether the first of the largest
    logits is the target's class (its most probable), and is False for an ignored row. The logits are those after soft
    cap, temperature and prior, the target is the one before smoothing, and no weight plays a part.
    """

    lse: Any
    target_log_prob: Any
    entropy: Any
    correct: Any


@dataclass(frozen=True, slots=True)
class _Common:
    """What the two families share, with its checks."""

    weight: Any = None
    sample_weight: Any = None
    ignore_index: int = -100
    temperature: float = 1.0
    softcap: float | None = None
    mining: Mining | None = None
    reduction: Reduction = "mean"
    mean: Mean = "weighted"
    normalizer: Any = None
    empty: Empty = "nan"

    def _check(self, function: str) -> None:
        """Check what no array is needed for; numbers of another framework are not looked into."""
        _validate.choice(function, "reduction", self.reduction, get_args(Reduction), "'mean' is the weighted mean")
        _validate.choice(function, "mean", self.mean, get_args(Mean), "'weighted' divides by the sum of the weights")
        _validate.choice(function, "empty", self.empty, get_args(Empty), "it is the mean over nothing")
        _validate.positive(function, "temperature", self.temperature)
        if self.softcap is not None and not (_validate.finite(self.softcap) and self.softcap > 0):
            raise OptionError(
                function, f"softcap must be a finite number above 0; got {self.softcap!r}", "None sets no cap"
            )
        if self.mining is not None and not isinstance(self.mining, Hardest | HardNegatives):
            raise OptionError(
                function,
                f"mining must be a Hardest or a HardNegatives; got {self.mining!r}",
                "such as xent.Hardest(0.25), or None to keep all rows",
            )
        if self.normalizer is None:
            return
        if self.reduction != "mean":
            raise OptionError(
                function,
                f"normalizer must go with reduction='mean'; got reduction={self.reduction!r}",
                "it is the mean's denominator; divide the sum yourself",
            )
        if framework(self.normalizer) == "numpy":
            number = getattr(self.normalizer, "item", lambda: self.normalizer)
            if getattr(self.normalizer, "size", 1) != 1 or not (_validate.finite(number()) and number() > 0):
                raise OptionError(
                    function,
                    f"normalizer must be a finite number above 0; got {self.normalizer!r}",
                    "such as the number of tokens in all parts of the batch",
                )


@dataclass(frozen=True, slots=True)
class Options(_Common):
    """What every loss of the softmax family takes beside logits, target and its own parameters."""

    axis: int = -1
    prior: Any = None
    prior_strength: float = 1.0
    return_stats: bool = False

    @classmethod
    def of(cls, function: str, options: dict[str, Any]) -> Options:
        """Return the options of a call, having refused those that have their place elsewhere."""
        _refuse_loss_parameters(function, options)
        return cls(**options)

    def check(self, function: str) -> None:
        """Check all that needs no array."""
        self._check(function)
        if not _validate.finite(self.prior_strength):
            raise OptionError(
                function,
                f"prior_strength must be a finite number; got {self.prior_strength!r}",
                "1.0 is the prior itself, 0.0 turns it off",
            )


@dataclass(frozen=True, slots=True)
class BinaryOptions(_Common):
    """What every loss of the sigmoid family takes beside logits, target and its own parameters."""

    pos_weight: Any = None
    mask: Any = None

    @classmethod
    def of(cls, function: str, options: dict[str, Any]) -> BinaryOptions:
        """Return the options of a call, having refused those that have their place elsewhere, or none."""
        _refuse_loss_parameters(function, options)
        for argument, hint in _NOT_FOR_SIGMOIDS.items():
            if argument in options:
                raise OptionError(
                    function, f"{argument} must be left out for sigmoids; got {options[argument]!r}", hint
                )
        return cls(**options)

    def check(self, function: str, loss: Loss) -> None:
        """Check all that needs no array."""
        self._check(function)
        if loss.z_loss != 0:
            raise OptionError(
                function,
                f"z_loss must be 0 for sigmoids; got {loss.z_loss!r}",
                "a sigmoid has no log Σ exp to hold near 0; penalise the logits themselves",
            )


def _refuse_loss_parameters(function: str, options: dict[str, Any]) -> None:
    for argument in _OF_THE_LOSS:
        if argument in options:
            raise OptionError(
                function,
                f"{argument} must be set in the loss object; got {options[argument]!r} in its call",
                f"build the loss with it, such as xent.Focal({argument}=...)",
            )
