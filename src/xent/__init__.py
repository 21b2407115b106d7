"""From logits to decisions: losses, calibration, thresholds and audits of classifiers.

Importing this package loads nothing else, not even NumPy; each public name loads its own module when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xent import information as information
    from xent.decisions.policy import Policy as Policy
    from xent.errors import DataError as DataError
    from xent.errors import DtypeError as DtypeError
    from xent.errors import OptionError as OptionError
    from xent.errors import ShapeError as ShapeError
    from xent.errors import TargetError as TargetError
    from xent.errors import XentError as XentError
    from xent.functional import log_sigmoid as log_sigmoid
    from xent.functional import log_softmax as log_softmax
    from xent.functional import logit as logit
    from xent.functional import logsumexp as logsumexp
    from xent.functional import odds as odds
    from xent.functional import sigmoid as sigmoid
    from xent.functional import softmax as softmax
    from xent.heads import distillation_loss as distillation_loss
    from xent.heads import two_stage_loss as two_stage_loss
    from xent.heads import two_stage_probs as two_stage_probs
    from xent.loss_functions import binary_cross_entropy as binary_cross_entropy
    from xent.loss_functions import cross_entropy as cross_entropy
    from xent.loss_functions import value_and_grad as value_and_grad
    from xent.losses import Asymmetric as Asymmetric
    from xent.losses import CrossEntropy as CrossEntropy
    from xent.losses import Focal as Focal
    from xent.losses import GeneralizedCrossEntropy as GeneralizedCrossEntropy
    from xent.losses import Poly1 as Poly1
    from xent.losses import SymmetricCrossEntropy as SymmetricCrossEntropy
    from xent.mining import Hardest as Hardest
    from xent.mining import HardNegatives as HardNegatives
    from xent.recommendation import Recommendation as Recommendation
    from xent.recommendation import recommend as recommend
    from xent.targets import class_balanced_weights as class_balanced_weights
    from xent.targets import votes_to_probs as votes_to_probs

    __version__: str

_MODULE_OF = {
    name: module
    for module, names in {
        "xent.functional": ("softmax", "log_softmax", "logsumexp", "sigmoid", "log_sigmoid", "logit", "odds"),
        "xent.loss_functions": ("cross_entropy", "binary_cross_entropy", "value_and_grad"),
        "xent.losses": (
            "CrossEntropy",
            "Focal",
            "Poly1",
            "GeneralizedCrossEntropy",
            "SymmetricCrossEntropy",
            "Asymmetric",
        ),
        "xent.mining": ("Hardest", "HardNegatives"),
        "xent.targets": ("class_balanced_weights", "votes_to_probs"),
        "xent.recommendation": ("Recommendation", "recommend"),
        "xent.heads": ("distillation_loss", "two_stage_loss", "two_stage_probs"),
        "xent.decisions.policy": ("Policy",),
        "xent.errors": ("XentError", "ShapeError", "DtypeError", "TargetError", "OptionError", "DataError"),
    }.items()
    for name in names
}

#: Rooms that are reached as attributes too: xent.classifiers needs no import of its own.
_ROOMS = (
    "audit",
    "calibration",
    "classifiers",
    "decisions",
    "errors",
    "functional",
    "heads",
    "information",
    "jax",
    "lint",
    "loss_functions",
    "losses",
    "mining",
    "recommendation",
    "sampling",
    "targets",
    "torch",
)

__all__ = ["information", *_MODULE_OF]


def __getattr__(name: str) -> Any:
    if name in _MODULE_OF:
        value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    elif name in _ROOMS:
        value = importlib.import_module(f"xent.{name}")
    elif name == "__version__":
        value = importlib.import_module("importlib.metadata").version("xent")
    else:
        raise AttributeError(f"module 'xent' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *_ROOMS, "__version__"})
