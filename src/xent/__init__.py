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
    from xent.functional import binary_cross_entropy as binary_cross_entropy
    from xent.functional import cross_entropy as cross_entropy
    from xent.functional import log_sigmoid as log_sigmoid
    from xent.functional import log_softmax as log_softmax
    from xent.functional import logit as logit
    from xent.functional import logsumexp as logsumexp
    from xent.functional import odds as odds
    from xent.functional import sigmoid as sigmoid
    from xent.functional import softmax as softmax
    from xent.functional import value_and_grad as value_and_grad
    from xent.losses import CrossEntropy as CrossEntropy

    __version__: str

_MODULE_OF = {
    name: module
    for module, names in {
        "xent.functional": (
            "softmax",
            "log_softmax",
            "logsumexp",
            "sigmoid",
            "log_sigmoid",
            "logit",
            "odds",
            "cross_entropy",
            "binary_cross_entropy",
            "value_and_grad",
        ),
        "xent.losses": ("CrossEntropy",),
        "xent.decisions.policy": ("Policy",),
        "xent.errors": ("XentError", "ShapeError", "DtypeError", "TargetError", "OptionError", "DataError"),
    }.items()
    for name in names
}

#: Rooms that are reached as attributes too: xent.classifiers needs no import of its own.
_ROOMS = ("audit", "calibration", "classifiers", "decisions", "errors", "functional", "information", "losses")

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
