"""The checks that measures of calibration share: labels, probabilities, weights, bins, and the kind of error."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.errors import DtypeError, OptionError, ShapeError, TargetError

Array = NDArray[Any]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Kind = Literal["top-label", "classwise", "binary"]


def check_bins(function: str, n_bins: Any) -> int:
    """Return the number of bins, having checked it."""
    if isinstance(n_bins, bool) or not (isinstance(n_bins, (int, np.integer)) and n_bins >= 1):
        raise OptionError(function, f"n_bins must be an integer ≥ 1; got {n_bins!r}", "15 is the usual number")
    return int(n_bins)


def check_kind(function: str, kind: Any) -> Kind:
    """Return the kind of error, having checked it."""
    hint = "top-label and classwise take (rows, classes); binary takes the probability of class 1, (rows,)"
    _validate.choice(function, "kind", kind, ("top-label", "classwise", "binary"), hint)
    checked: Kind = kind
    return checked


def check_shape(function: str, argument: str, values: Array, kind: Kind) -> None:
    """Check that there is a class axis, or none, as the kind of error demands."""
    if kind == "binary" and values.ndim != 1:
        raise ShapeError(
            function,
            f"{argument} must have shape (rows,) for kind='binary'; got {values.shape}",
            f"pass the column of class 1, {argument}[:, 1], or choose kind='top-label' or 'classwise'",
        )
    if kind != "binary" and (values.ndim != 2 or values.shape[1] < 2):
        raise ShapeError(
            function,
            f"{argument} must have shape (rows, classes ≥ 2) for kind={kind!r}; got {values.shape}",
            "one number a row is for kind='binary', which asks how honest the probability of class 1 is",
        )


def labels(function: str, y_true: ArrayLike, values: Array, argument: str) -> Int64:
    """Return the class indices (n,) of rows of probabilities or logits ((n,) has classes 0 and 1), having checked."""
    array = _validate.as_array(function, "y_true", y_true)
    if array.shape != values.shape[:1]:
        raise ShapeError(
            function,
            f"y_true must have shape {values.shape[:1]}, one class index a row of {argument}; got {array.shape}",
            f"the order is (y_true, {argument}); of one-hot rows take argmax(axis=1)",
        )
    if array.dtype.kind not in "iub" and array.size:
        raise DtypeError(
            function,
            f"y_true must be class indices, integers; got dtype {array.dtype}",
            f"the order is (y_true, {argument}); cast labels with .astype('int64')",
        )
    n_classes = 2 if values.ndim == 1 else values.shape[1]
    outside = (array < 0) | (array >= n_classes)
    if outside.any():
        row = int(outside.argmax())
        raise TargetError(
            function,
            f"y_true must lie in [0, {n_classes - 1}]; got {array[row]} at row {row} ({int(outside.sum())} such rows)",
            f"there are {n_classes} classes, numbered from 0; leave ignored rows out",
        )
    return array.astype(np.int64, copy=False)


def row_weights(function: str, sample_weight: ArrayLike | None, n_rows: int) -> Float64 | None:
    """Return one weight a row, having checked them."""
    return None if sample_weight is None else _validate.sample_weights(function, sample_weight, (n_rows,))


def probabilities(function: str, y_prob: ArrayLike, kind: Kind) -> Array:
    """Return probabilities as a float array, having checked them."""
    array = _validate.floating(function, "y_prob", y_prob)
    check_shape(function, "y_prob", array, kind)
    if kind != "binary":
        _validate.check_distributions(function, "y_prob", array)
        return array
    outside = ~((array >= 0) & (array <= 1))
    if outside.any():
        row = int(outside.argmax())
        raise OptionError(
            function,
            f"y_prob must lie in [0, 1]; got {array[row]:g} at row {row} ({int(outside.sum())} such rows)",
            "leave such rows out, and say how many they were"
            if np.isnan(array[row])
            else "logits become probabilities by sigmoid",
        )
    return array
