"""Probabilities of events and whether they happened: what a measure of calibration looks at, checked.

``kind`` says which event of a row is meant. ``"binary"``: y_prob (n,) is the probability of y_true = 1. Of y_prob
(n, K), ``"top-label"`` takes the most probable class (event: it is the true one), ``"classwise"`` each class in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._estimates import effective_size
from xent.calibration import _arguments
from xent.calibration._arguments import Array, Int64, Kind

Float64 = NDArray[np.float64]


@dataclass(frozen=True)
class Events:
    """One event a row: its ``probability``, whether it ``happened`` (0.0 or 1.0) and its ``weight`` > 0; all (n,)."""

    probability: Float64
    happened: Float64
    weight: Float64

    @property
    def n(self) -> float:
        """The effective number of rows; without weights the number of rows."""
        return effective_size(float(self.weight.sum()), float(self.weight @ self.weight))


def single(function: str, y_true: ArrayLike, y_prob: ArrayLike, kind: str, sample_weight: ArrayLike | None) -> Events:
    """Return the events of one of the kinds that have one a row, "binary" or "top-label"."""
    hint = "of many classes look at one at a time: (y_true == k, y_prob[:, k]) with kind='binary'"
    _validate.choice(function, "kind", kind, ("binary", "top-label"), hint)
    return next(each(function, y_true, y_prob, kind, sample_weight))


def each(
    function: str, y_true: ArrayLike, y_prob: ArrayLike, kind: str, sample_weight: ArrayLike | None
) -> Iterator[Events]:
    """Yield the events of any kind: one set of "binary" or "top-label", one a class of "classwise"."""
    probs, label, keep, weight = checked(function, y_true, y_prob, _arguments.check_kind(function, kind), sample_weight)
    if kind == "binary":
        yield Events(probs[keep].astype(np.float64), label[keep].astype(np.float64), weight)
    elif kind == "top-label":
        top = probs.argmax(axis=1)
        confidence = probs[np.arange(len(probs)), top].astype(np.float64)
        yield Events(confidence[keep], (top == label)[keep].astype(np.float64), weight)
    else:
        for k in range(probs.shape[1]):
            yield Events(probs[keep, k].astype(np.float64), (label[keep] == k).astype(np.float64), weight)


def checked(
    function: str, y_true: ArrayLike, y_prob: ArrayLike, kind: Kind, sample_weight: ArrayLike | None
) -> tuple[Array, Int64, NDArray[np.bool_] | slice, Float64]:
    """Return all rows' probabilities, in their own dtype, and classes; which rows take part; the weights of these."""
    probs = _arguments.probabilities(function, y_prob, kind)
    label = _arguments.labels(function, y_true, probs, "y_prob")
    weight = _arguments.row_weights(function, sample_weight, len(label))
    if weight is None:
        return probs, label, slice(None), np.ones(len(label))
    keep = weight > 0
    return probs, label, keep, weight[keep]


@contextmanager
def needs(function: str, package: str, install: str) -> Iterator[None]:
    """Say, where an import inside fails, what is missing and how to get it."""
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{function}: needs {package}, which cannot be imported\n\nhint: {install}") from error
