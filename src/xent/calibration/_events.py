"""Probabilities of events and whether they happened: what a measure of calibration looks at, checked.

``kind`` says which event of a row is meant. ``"binary"``: y_prob (n,) is the probability of y_true = 1. Of y_prob
(n, K), ``"top-label"`` takes the most probable class (event: it is the true one), ``"classwise"`` each class in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent._estimates import effective_size
from xent.errors import DtypeError, OptionError, ShapeError, TargetError

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
    hint = "'binary' for probabilities (n,) of class 1, the others for y_prob (n, K)"
    _validate.choice(function, "kind", kind, ("binary", "top-label", "classwise"), hint)
    if kind == "binary":
        probability, happened = binary(function, y_true, y_prob)
        keep, weight = row_weights(function, sample_weight, len(probability))
        yield Events(probability[keep], happened[keep], weight)
        return
    probs, target = classes(function, y_true, y_prob)
    keep, weight = row_weights(function, sample_weight, len(probs))
    if kind == "top-label":
        top = probs.argmax(axis=1)
        confidence = probs[np.arange(len(probs)), top].astype(np.float64)
        yield Events(confidence[keep], (top == target)[keep].astype(np.float64), weight)
        return
    for k in range(probs.shape[1]):
        yield Events(probs[keep, k].astype(np.float64), (target[keep] == k).astype(np.float64), weight)


def binary(function: str, y_true: ArrayLike, y_prob: ArrayLike) -> tuple[Float64, Float64]:
    """Return probabilities (n,) and outcomes 0.0 or 1.0 (n,), checked."""
    probability = _validate.probabilities(function, "y_prob", y_prob)
    if probability.ndim != 1:
        raise ShapeError(
            function,
            f"y_prob must have shape (n,) for kind='binary'; got shape {probability.shape}",
            "pass the column of class 1, or say kind='top-label' for probabilities (n, K)",
        )
    if np.isnan(probability).any():
        raise OptionError(
            function,
            f"y_prob must lie in [0, 1]; got nan at row {int(np.isnan(probability).argmax())}",
            "leave such rows out, and say how many they were",
        )
    happened = _labels(function, y_true, len(probability), 2)
    return probability.astype(np.float64), happened.astype(np.float64)


def classes(function: str, y_true: ArrayLike, y_prob: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return probabilities (n, K), in their own dtype, and classes (n,), checked."""
    probs = _validate.floating(function, "y_prob", y_prob)
    if probs.ndim != 2 or probs.shape[1] == 0:
        raise ShapeError(
            function,
            f"y_prob must have shape (n, K), classes last; got shape {probs.shape}",
            "probabilities (n,) of class 1 are kind='binary'",
        )
    _validate.check_distributions(function, "y_prob", probs)
    return probs, _labels(function, y_true, *probs.shape)


def _labels(function: str, y_true: ArrayLike, n: int, n_classes: int) -> NDArray[np.int64]:
    array = _validate.as_array(function, "y_true", y_true)
    if array.shape != (n,):
        raise ShapeError(
            function,
            f"y_true must have shape ({n},), one label a row of y_prob; got shape {array.shape}",
            "the order is (y_true, y_prob)",
        )
    if array.dtype.kind not in "iub" and n:  # an empty list has no integers to be told by
        raise DtypeError(
            function,
            f"y_true must be integers or booleans; got dtype {array.dtype}",
            "the order is (y_true, y_prob); cast labels with .astype('int64')",
        )
    outside = (array < 0) | (array >= n_classes)
    if outside.any():
        row = int(outside.argmax())
        raise TargetError(
            function,
            f"y_true must lie in [0, {n_classes - 1}]; got {int(array[row])} at row {row} "
            f"({int(outside.sum())} such rows)",
            f"there are {n_classes} classes, numbered from 0",
        )
    return array.astype(np.int64)


def row_weights(function: str, sample_weight: ArrayLike | None, n: int) -> tuple[NDArray[np.bool_] | slice, Float64]:
    """Return which rows take part, and their weights."""
    if sample_weight is None:
        return slice(None), np.ones(n)
    weight = _validate.weights(function, "sample_weight", sample_weight, (n,))
    keep = weight > 0
    return keep, weight[keep]


@contextmanager
def needs(function: str, package: str, install: str) -> Iterator[None]:
    """Say, where an import inside fails, what is missing and how to get it."""
    try:
        yield
    except ImportError as error:
        raise ImportError(f"{function}: needs {package}, which cannot be imported\n\nhint: {install}") from error
