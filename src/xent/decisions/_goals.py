"""What the operating points are given, checked: one goal, for one cell or for many, and rows to reach it on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent import _validate
from xent.decisions.costs import cost_matrix, price_of_mistakes
from xent.errors import DtypeError, OptionError, ShapeError, TargetError

Array = NDArray[Any]
Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]

KINDS = ("recall", "precision", "fpr", "f_beta", "cost")

_RULES = {
    "recall": ("lie in (0, 1]", "0.99 means 99 %"),
    "precision": ("lie in (0, 1]", "0.9 means 90 %"),
    "fpr": ("lie in [0, 1)", "0.01 means 1 %"),
    "f_beta": ("be a finite number above 0", "it is beta, not the F to reach: 1.0 is F1, 2.0 weighs recall twice"),
}


@dataclass(frozen=True)
class Aim:
    """One goal: ``value`` is the share to reach, beta, or the expected cost allowed (NaN: the least)."""

    kind: str
    value: float
    cost: Float64 | None = None  # (2, 2), cost[true, decided]

    def as_dict(self) -> dict[str, float]:
        """Return the goal as a :class:`xent.Policy` keeps it."""
        if self.cost is None:
            return {self.kind: self.value}
        (tn, fp), (fn, tp) = self.cost.tolist()
        costs = {
            "cost_false_positive": fp,
            "cost_false_negative": fn,
            "cost_true_positive": tp,
            "cost_true_negative": tn,
        }
        return costs if math.isnan(self.value) else {**costs, "cost_at_most": self.value}

    def __str__(self) -> str:
        if self.kind == "cost":
            return "least cost" if math.isnan(self.value) else f"cost ≤ {self.value:g}"
        return {"recall": "recall ≥ ", "precision": "precision ≥ ", "fpr": "fpr ≤ ", "f_beta": "best F, beta "}[
            self.kind
        ] + f"{self.value:g}"


def confidence_checked(function: str, confidence: float | None) -> float | None:
    """Return ``confidence`` as a float in (0, 1), or None."""
    if confidence is None:
        return None
    if isinstance(confidence, bool) or not (_validate.finite(confidence) and 0.0 < confidence < 1.0):
        raise OptionError(
            function, f"confidence must lie in (0, 1); got {confidence!r}", "0.95 is usual; None promises nothing"
        )
    return float(confidence)


def seed_checked(function: str, seed: int) -> None:
    """Check the seed of a draw."""
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
        raise OptionError(function, f"seed must be a whole number ≥ 0; got {seed!r}", "0 will do")


def shared_confidence(function: str, confidence: float, sharing: int) -> float:
    """Return the confidence of each of ``sharing`` statements that hold together (Bonferroni)."""
    each = 1.0 - (1.0 - confidence) / sharing
    if each == 1.0:
        raise OptionError(
            function,
            f"confidence must leave each of {sharing} thresholds a chance to fail that a float can hold; got "
            f"{confidence!r}",
            "0.999999 is much already",
        )
    return each


def aims(
    function: str,
    given: dict[str, ArrayLike | None],
    cost_at_most: ArrayLike | None,
    confidence: float | None,
    n_cells: int | None,
) -> list[Aim]:
    """Return the goal of each of ``n_cells`` classes (None: one goal, given as a number), having checked it."""
    named = [kind for kind in KINDS if given[kind] is not None]
    if len(named) != 1:
        raise OptionError(
            function,
            f"exactly one of {', '.join(KINDS)} must be given; got {' and '.join(named) or 'none'}",
            "such as recall=0.99",
        )
    kind = named[0]
    if kind != "cost" and cost_at_most is not None:
        raise OptionError(function, f"cost_at_most must go with cost; got it with {kind}", "it limits the cost per row")
    if confidence is not None and kind == "f_beta":
        raise OptionError(
            function,
            "confidence must go with recall, precision, fpr or cost; got it with f_beta",
            "F is no mean over rows, so no exact bound of it is known; promise a recall or a precision",
        )
    if confidence is not None and kind == "cost" and cost_at_most is None:
        raise OptionError(
            function,
            "cost_at_most must be given with cost and confidence; got None",
            "what can be promised is an expected cost per row of at most so much, not that it is the least",
        )
    if kind == "cost":
        return _cost_aims(function, given["cost"], cost_at_most, n_cells)
    rule, hint = _RULES[kind]
    values = _per_cell(function, kind, given[kind], n_cells)
    for value in values:
        inside = value > 0 and math.isfinite(value) if kind == "f_beta" else 0 <= value <= 1
        if not inside or (kind in ("recall", "precision") and value == 0) or (kind == "fpr" and value == 1):
            raise OptionError(function, f"{kind} must {rule}; got {value:g}", hint)
    return [Aim(kind, value) for value in values]


def _per_cell(function: str, argument: str, given: ArrayLike | None, n_cells: int | None) -> list[float]:
    values = _validate.floating(function, argument, given if given is not None else math.nan)
    if values.ndim == 0:
        return [float(values)] * (n_cells or 1)
    if n_cells is None or values.shape != (n_cells,):
        one = "a number" if n_cells is None else f"a number, or one a class, shape ({n_cells},)"
        raise ShapeError(function, f"{argument} must be {one}; got shape {values.shape}", "a single number is for all")
    return [float(value) for value in values]


def _cost_aims(function: str, cost: ArrayLike | None, cost_at_most: ArrayLike | None, n_cells: int | None) -> list[Aim]:
    array = _validate.floating(function, "cost", cost if cost is not None else math.nan)
    if array.shape != (2, 2) and (n_cells is None or array.shape != (n_cells, 2, 2)):
        several = "" if n_cells is None else f", or ({n_cells}, 2, 2) for one a class"
        raise ShapeError(
            function,
            f"cost must have shape (2, 2){several}; got {array.shape}",
            "cost[true, decided]: [[true negative, false positive], [false negative, true positive]]",
        )
    matrices = [array] * (n_cells or 1) if array.ndim == 2 else list(array)
    limits = _per_cell(function, "cost_at_most", cost_at_most, n_cells)
    result = []
    for matrix, limit in zip(matrices, limits, strict=True):
        if not np.isfinite(matrix).all():
            cost_matrix(function, matrix, 2)  # says so
        price_of_mistakes(function, matrix)
        if cost_at_most is not None and not matrix.min() < limit < matrix.max():
            raise OptionError(
                function,
                f"cost_at_most must lie between the least cost, {matrix.min():g}, and the greatest, "
                f"{matrix.max():g}; got {limit:g}",
                "it limits the expected cost per row",
            )
        result.append(Aim("cost", limit, matrix.astype(np.float64)))
    return result


def scores(function: str, argument: str, values: ArrayLike, ndim: tuple[int, ...]) -> Array:
    """Return scores as a float array with so many axes, having checked that none is NaN."""
    array = _validate.floating(function, argument, values)
    if array.ndim not in ndim:
        shape = "(rows,)" if ndim == (1,) else "(rows,) or (rows, classes)"
        raise ShapeError(
            function,
            f"{argument} must have shape {shape}; got {array.shape}",
            "of two columns of probabilities pass the second" if ndim == (1,) else "put the classes last",
        )
    broken = np.isnan(array)
    if broken.any():
        row = int(np.argwhere(broken)[0, 0])
        raise OptionError(
            function,
            f"{argument} must not be NaN; got nan at row {row} ({int(broken.sum())} such numbers)",
            "leave such rows out, or let -inf stand for a row that is never flagged",
        )
    return array


def binary(function: str, y_true: ArrayLike, shape: tuple[int, ...], other: str) -> Bool:
    """Return labels 0 and 1 as booleans of a shape."""
    array = _validate.as_array(function, "y_true", y_true)
    if array.shape != shape:
        raise ShapeError(
            function,
            f"y_true must have the shape of {other}, {shape}; got {array.shape}",
            "one label a row, 1 for the class that higher scores speak for",
        )
    if array.dtype != np.bool_ and array.size > 0:
        wrong = (array != 0) & (array != 1)
        if wrong.any():
            where = tuple(np.argwhere(wrong)[0])
            raise TargetError(
                function,
                f"y_true must be 0 or 1; got {array[where]!s} at row {int(where[0])} ({int(wrong.sum())} such labels)",
                "compare with the positive class first: y == positive",
            )
    return array.astype(np.bool_)


def row_weights(
    function: str, sample_weight: ArrayLike | None, n_rows: int, confidence: float | None
) -> Float64 | None:
    """Return one weight a row, None where there are none; with a confidence they must be one number or 0."""
    if sample_weight is None:
        return None
    weight = _validate.weights(function, "sample_weight", sample_weight, (n_rows,))
    if confidence is not None and (weight != weight.max(initial=0.0))[weight > 0].any():
        raise OptionError(
            function,
            "sample_weight must be one number or 0 with confidence; got weights that differ",
            "exact bounds count rows: draw rows in proportion to their weights first, or leave confidence out",
        )
    return weight


def sequence(function: str, candidates: ArrayLike | None, aim: Aim, confidence: float | None) -> Float64 | None:
    """Return the thresholds to test, in their order, having checked that anything is to be tested."""
    if candidates is None:
        return None
    if confidence is None or aim.kind not in ("precision", "cost"):
        raise OptionError(
            function,
            "candidates must go with confidence and precision or cost; got them without",
            "a recall or an fpr is proven at the rows' own scores, and an empirical choice tests nothing",
        )
    array = _validate.floating(function, "candidates", candidates).astype(np.float64)
    if array.ndim != 1 or array.size == 0 or np.isnan(array).any():
        raise OptionError(
            function,
            f"candidates must be a list of thresholds without NaN; got shape {array.shape}",
            "in the order in which they are to be tested, the safest first",
        )
    return array


def positives(function: str, y_true: ArrayLike, shape: tuple[int, ...]) -> Callable[[int], Bool]:
    """Return what gives each class's positives (n,), from class indices (n,) or from labels 0 and 1 of ``shape``."""
    array = _validate.as_array(function, "y_true", y_true)
    if len(shape) == 1 or array.shape == shape:
        labels = binary(function, y_true, shape, "y_prob").reshape(shape[0], -1)
        return lambda k: labels[:, k]
    if array.shape != shape[:1]:
        raise ShapeError(
            function,
            f"y_true must have shape {shape[:1]} (class indices) or {shape} (0 and 1); got {array.shape}",
            "check that both have the same rows",
        )
    if array.dtype.kind not in "iu" and array.size > 0:
        raise DtypeError(
            function,
            f"y_true must be integers where it holds class indices; got dtype {array.dtype}",
            "cast it with .astype('int64')",
        )
    outside = (array < 0) | (array >= shape[1])
    if outside.any():
        row = int(outside.argmax())
        raise TargetError(
            function,
            f"y_true must lie in [0, {shape[1] - 1}]; got {int(array[row])} at row {row} "
            f"({int(outside.sum())} such rows)",
            "leave out with sample_weight=0 what has no class, after giving it one",
        )
    return lambda k: array == k


def labels(function: str, classes: Sequence[Any] | None, n_classes: int, ndim: int) -> list[Any]:
    """Return the classes' names; one score without a name is of None."""
    if classes is None:
        return [None] if ndim == 1 else list(range(n_classes))
    if len(classes) != n_classes:
        raise ShapeError(
            function,
            f"classes must be {n_classes} names, one a column of y_prob; got {len(classes)}",
            "None numbers them",
        )
    return list(classes)


def parts(
    function: str, slices: Mapping[str, ArrayLike] | None, n_rows: int
) -> Iterator[tuple[tuple[str, Any], Array]]:
    """Yield each variable's values with the rows that have it."""
    if slices is not None and not isinstance(slices, Mapping):
        raise OptionError(
            function,
            f"slices must be a mapping from a variable's name to its values; got {type(slices).__name__}",
            'such as {"weather": weather}',
        )
    for name, values in (slices or {}).items():
        array = _validate.as_array(function, f"slices[{name!r}]", values)
        if array.shape != (n_rows,):
            raise ShapeError(
                function,
                f"slices[{name!r}] must have shape ({n_rows},), one value a row; got {array.shape}",
                "bin a number first: a value is a slice",
            )
        try:
            found, codes = np.unique(array, return_inverse=True)
        except TypeError:
            raise DtypeError(
                function,
                f"slices[{name!r}] must be values of one kind, which can be put in order; got several",
                "write missing ones as a word too",
            ) from None
        order = np.argsort(codes, kind="stable")
        ends = np.searchsorted(codes[order], np.arange(len(found) + 1))
        for value, start, end in zip(found.tolist(), ends[:-1], ends[1:], strict=True):
            yield (name, value), order[start:end]
