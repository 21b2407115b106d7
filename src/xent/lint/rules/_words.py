"""Words that several rules share."""

from __future__ import annotations

import math

from xent.lint.values import Tensor


def floor(x: Tensor) -> str:
    """Say how low the loss can go when its logits are probabilities of K classes."""
    classes = x.n_classes
    if classes is None or classes < 2:
        return ""
    return f": with {classes} classes it cannot go below {math.log(math.e + classes - 1) - 1:.3f}"
