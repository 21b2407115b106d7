"""Every check of an argument, and every message text, of the numerical functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent.errors import DtypeError, OptionError, ShapeError, TargetError

Array = NDArray[Any]
Float64 = NDArray[np.float64]


def as_array(function: str, argument: str, values: ArrayLike) -> Array:
    """Return ``values`` as an array, having checked that it is no ragged list."""
    try:
        return np.asarray(values)
    except ValueError:
        raise ShapeError(
            function,
            f"{argument} must be an array or a list of rows of one length; got rows of several",
            "pad the rows, and let sample_weight or ignore_index leave the padding out",
        ) from None


def floating(function: str, argument: str, values: ArrayLike) -> Array:
    """Return ``values`` as a float array: float16, float32 and float64 as they are, integers and lists as float64."""
    array = as_array(function, argument, values)
    if array.dtype.kind in "iub":
        return array.astype(np.float64)
    if array.dtype.kind != "f":
        raise DtypeError(
            function,
            f"{argument} must be real numbers; got dtype {array.dtype}",
            "pass a float32 or float64 array",
        )
    return array.astype(np.float64) if array.dtype.itemsize > 8 else array


def class_axis(function: str, argument: str, array: Array, axis: int) -> int:
    """Return ``axis`` as a non-negative number, having checked that the array has it and that it is not empty."""
    if array.ndim == 0:
        raise ShapeError(
            function,
            f"{argument} must have a class axis; got a single number",
            "pass one number a class; for one logit a decision use binary_cross_entropy or sigmoid",
        )
    if not (isinstance(axis, (int, np.integer)) and -array.ndim <= axis < array.ndim):
        raise ShapeError(
            function,
            f"axis must be an axis of {argument}; got axis={axis!r} for shape {array.shape}",
            "axis=-1 is the last one",
        )
    if array.shape[axis] == 0:
        raise ShapeError(
            function,
            f"{argument} must have at least one class; got shape {array.shape}, empty along axis {axis}",
            "pass axis= if the classes lie along another axis",
        )
    return int(axis) % array.ndim


def is_class_index(function: str, target: ArrayLike, logits_shape: tuple[int, ...], axis: int) -> bool:
    """Say by its shape whether ``target`` holds class indices (no class axis) or probabilities (the logits' shape)."""
    array = as_array(function, "target", target)
    leading = logits_shape[:axis] + logits_shape[axis + 1 :]
    if array.shape == logits_shape and array.dtype.kind in "fiub":
        return False
    if array.shape != leading:
        raise ShapeError(
            function,
            f"target must have shape {leading} (class indices) or {logits_shape} (probabilities); "
            f"got shape {array.shape} for logits of shape {logits_shape} with classes along axis {axis}",
            "check axis=, and that target and logits have the same rows",
        )
    if array.dtype.kind not in "iu" and array.size > 0:  # an empty list has no integers to be told by
        raise DtypeError(
            function,
            f"target must be integers where it holds class indices; got dtype {array.dtype}",
            "cast it with .astype('int64'), or pass one probability per class",
        )
    return True


def class_indices(
    function: str, target: ArrayLike, n_classes: int, ignore_index: int | None = None
) -> NDArray[np.int64]:
    """Return ``target`` flat as int64 with -1 at ignored rows, having checked that all others are classes."""
    flat = np.asarray(target).reshape(-1)
    is_class = ignore_index is not None and 0 <= ignore_index < n_classes
    if flat.size > 0 and flat.min() >= 0 and flat.max() < n_classes and not is_class:
        return flat.astype(np.int64)
    ignored = np.zeros(len(flat), dtype=bool) if ignore_index is None else flat == ignore_index
    outside = ((flat < 0) | (flat >= n_classes)) & ~ignored
    if outside.any():
        row = int(outside.argmax())
        exception = "" if ignore_index is None else f" or be ignore_index={ignore_index}"
        raise TargetError(
            function,
            f"target must lie in [0, {n_classes - 1}]{exception}; "
            f"got {int(flat[row])} at row {row} ({int(outside.sum())} such rows)",
            f"there are {n_classes} classes, numbered from 0",
        )
    return np.where(ignored, -1, flat.astype(np.int64))


def distributions(function: str, argument: str, values: Array) -> Float64:
    """Return the rows of a float array (classes last) as float64, having checked that each is a distribution."""
    check_distributions(function, argument, values)
    return values.astype(np.float64, copy=False)


def check_distributions(function: str, argument: str, values: Array) -> Float64:
    """Return the sums of the rows of a float array, classes last, having checked that each row is a distribution.

    A sum may differ from 1 by 1e-5, in float16 by 8e-3: what rounding its entries explains.
    """
    tolerance = 8e-3 if values.dtype == np.float16 else 1e-5
    with np.errstate(invalid="ignore", over="ignore"):
        sums = _row_sums(values)
        wrong = ~(np.abs(sums - 1.0) <= tolerance)
        negative = np.zeros_like(wrong)
        if values.size > 0 and not values.min() >= 0:
            negative = ~(values.min(axis=-1) >= 0)  # NaN counts as negative
    wrong |= negative
    if wrong.any():
        where = np.unravel_index(int(wrong.argmax()), wrong.shape)
        got = f"{values[where].min():g}" if negative[where] else f"a sum of {sums[where]:g}"
        hint = "several independent labels a row are for binary_cross_entropy; logits are for softmax first"
        if not negative[where] and abs(sums[where] - 1.0) <= 1e-2:
            hint = "rounded probabilities: divide each row by its sum"
        raise TargetError(
            function,
            f"{argument} must be non-negative and sum to 1 over the classes; got {got} at row {int(wrong.argmax())} "
            f"({int(wrong.sum())} such rows)",
            hint,
        )
    return sums


def _row_sums(values: Array) -> Float64:
    """Return sums along the last axis; of float32, 1024 terms at a time are added in float32."""
    dtype = np.float32 if values.dtype.itemsize == 4 else np.float64
    sums: Float64 = np.zeros(values.shape[:-1])
    for start in range(0, values.shape[-1], 1024):
        sums = sums + np.einsum("...k->...", values[..., start : start + 1024], dtype=dtype)
    return sums


def is_distribution(values: Array) -> NDArray[np.bool_]:
    """Return which rows of a matrix are non-negative and sum to 1 within 0.01, as stored probabilities do.

    They are often kept to three digits, or in half precision; a function that is given probabilities to compute with
    asks for more, see :func:`distributions`.
    """
    with np.errstate(invalid="ignore"):
        sums: Float64 = values.sum(axis=1, dtype=np.float64)
        result: NDArray[np.bool_] = (values.min(axis=1, initial=np.inf) >= 0) & (np.abs(sums - 1.0) <= 1e-2)
    return result


def weights(function: str, argument: str, values: ArrayLike, shape: tuple[int, ...]) -> Float64:
    """Return ``values`` as float64 broadcast to ``shape``, having checked that all are finite and not negative."""
    array = floating(function, argument, values).astype(np.float64, copy=False)
    try:
        result = np.broadcast_to(array, shape)
    except ValueError:
        raise ShapeError(
            function,
            f"{argument} must have shape {shape} or broadcast to it; got shape {array.shape}",
            "weight is one number a class, sample_weight one a row",
        ) from None
    if array.size > 0 and not (array.min() >= 0 and array.max() < math.inf):  # nor is it so of NaN
        raise OptionError(
            function,
            f"{argument} must be finite and not negative; got {array[~(np.isfinite(array) & (array >= 0))].flat[0]:g}",
            "use 0 to leave something out",
        )
    return result


def sample_weights(function: str, values: ArrayLike, shape: tuple[int, ...]) -> Float64:
    """Return weights of rows or entries, having checked that each is 0 or has a square that is a number.

    The effective number of rows, variances and pools multiply weights with one another.
    """
    result = weights(function, "sample_weight", values, shape)
    if result.size > 0 and not (result.max() <= 1e100 and result.min(where=result > 0, initial=1.0) >= 1e-100):
        wrong = result[(result > 1e100) | ((result > 0) & (result < 1e-100))].flat[0]
        raise OptionError(
            function,
            f"sample_weight must be 0 or lie in [1e-100, 1e100]; got {wrong:g}",
            "divide them by the largest, and set to 0 what is then too small to matter",
        )
    return result


def seed(function: str, value: int) -> int:
    """Return a seed as an int, having checked it."""
    if not (isinstance(value, (int, np.integer)) and 0 <= value < 2**63):
        raise OptionError(function, f"seed must be an integer in [0, 2^63); got {value!r}", "0 is as good as any")
    return int(value)


def positive(function: str, argument: str, value: float, hint: str = "1.0 changes nothing") -> float:
    """Return ``value`` as a float, having checked that it is a finite number above 0, its reciprocal too."""
    number = finite(value) and value > 0
    if not (number and math.isfinite(1.0 / float(value))):
        raise OptionError(
            function, f"{argument} must be a finite number above {'1e-308' if number else '0'}; got {value!r}", hint
        )
    return float(value)


def share(function: str, argument: str, value: float) -> float:
    """Return ``value`` as a float, having checked that it lies in [0, 1]."""
    if not (isinstance(value, (int, float, np.integer, np.floating)) and 0.0 <= value <= 1.0):
        raise OptionError(function, f"{argument} must lie in [0, 1]; got {value!r}", "0.0 turns it off")
    return float(value)


def non_negative(function: str, argument: str, value: float) -> float:
    """Return ``value`` as a float, having checked that it is finite and ≥ 0."""
    return at_least(function, argument, value, 0.0)


def at_least(function: str, argument: str, value: float, least: float) -> float:
    """Return ``value`` as a float, having checked that it is finite and ≥ ``least``."""
    if not (finite(value) and value >= least):
        raise OptionError(
            function, f"{argument} must be a finite number ≥ {least:g}; got {value!r}", "0.0 turns it off"
        )
    return float(value)


def finite(value: Any) -> bool:
    """Say whether ``value`` is a number, and finite."""
    return isinstance(value, (int, float, np.integer, np.floating)) and math.isfinite(value)


def choice(function: str, argument: str, value: Any, choices: tuple[str, ...], hint: str) -> None:
    """Check that ``value`` is one of a few words."""
    if value not in choices:
        words = [repr(each) for each in choices]
        said = ", ".join(words[:-1]) + f" or {words[-1]}"
        raise OptionError(function, f"{argument} must be {said}; got {value!r}", hint)


def probabilities(function: str, argument: str, values: ArrayLike) -> Array:
    """Return ``values`` as a float array of any shape, having checked that every entry is in [0, 1] or NaN."""
    array = floating(function, argument, values)
    outside = (array < 0) | (array > 1)
    if outside.any():
        raise OptionError(
            function,
            f"{argument} must lie in [0, 1]; got {array[outside].flat[0]:g}",
            "logits become probabilities by sigmoid or softmax",
        )
    return array


def rows(function: str, argument: str, values: Array) -> None:
    """Check that ``values`` is a matrix (rows, classes)."""
    if values.ndim != 2 or values.shape[1] == 0:
        raise ShapeError(
            function,
            f"{argument} must have shape (rows, classes); got {values.shape}",
            "reshape to two axes with the classes last",
        )


def mask(function: str, argument: str, values: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return ``values`` as booleans broadcast to ``shape``."""
    array = as_array(function, argument, values)
    if array.dtype != np.bool_:
        raise DtypeError(
            function,
            f"{argument} must be booleans; got dtype {array.dtype}",
            "True takes part; compare with != 0 first",
        )
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ShapeError(
            function,
            f"{argument} must have shape {shape} or broadcast to it; got shape {array.shape}",
            "it says of each entry whether it takes part",
        ) from None


def class_prior(function: str, prior: ArrayLike, n_classes: int) -> Float64:
    """Return the logarithms of K class frequencies (n_classes,), having checked them and divided them by their sum."""
    frequencies = weights(function, "prior", prior, (n_classes,))
    if not (frequencies > 0).all():
        raise OptionError(
            function,
            f"prior must be above 0 for every class; got {frequencies.min():g} for class {int(frequencies.argmin())}",
            "for a class without rows count a row or a half",
        )
    shares: Float64 = frequencies / frequencies.max()  # their sum cannot overflow
    return np.log(shares) - math.log(float(shares.sum()))
