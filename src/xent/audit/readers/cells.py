"""From the cells of a column, whatever its format, to what a batch holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xent.audit.readers.problems import At, cell_problem, closest, listing
from xent.audit.source import CALIBRATION, MISSING, OTHER, TEST

Array = NDArray[Any]
Bools = NDArray[np.bool_]

MISSING_WORD = "(missing)"


class Numbers(NamedTuple):
    """Integers, floats or booleans; ``null`` marks the cells that hold nothing."""

    values: Array
    null: Bools | None = None


class Words(NamedTuple):
    """Text: the distinct values, and for each row which of them it is (-1: none)."""

    values: Sequence[str]
    codes: NDArray[np.int64]


Cells = Numbers | Words


def scores(values: Array) -> Array:
    """Return scores as float32 or float64 in C order: float16 becomes float32, integers float64."""
    kind, size = values.dtype.kind, values.dtype.itemsize
    dtype = np.float32 if kind == "f" and size <= 4 else np.float64
    return np.ascontiguousarray(values, dtype=dtype)


def score_column(cells: Cells, column: str, at: At) -> Array:
    """Return the numbers of one class."""
    if isinstance(cells, Words):  # a column of nulls only
        raise null_score(column, at, 0)
    if cells.null is not None and cells.null.any():
        raise null_score(column, at, int(cells.null.argmax()))
    return cells.values


def null_score(column: str, at: At, row: int) -> Exception:
    """Return the error for a score that is missing."""
    return cell_problem(
        at, column, "hold a number for every class", "null", row, "leave such rows out; pandas writes NaN as null"
    )


def labels(cells: Cells, column: str, classes: Sequence[str] | None, at: At) -> NDArray[np.int64]:
    """Return class indices as they stand in the file, MISSING for null; names become their place in ``classes``."""
    if isinstance(cells, Numbers):
        if cells.values.dtype == np.uint64 and (cells.values > np.iinfo(np.int64).max).any():
            row = int((cells.values > np.iinfo(np.int64).max).argmax())
            raise cell_problem(at, column, "hold class indices", cells.values[row], row, "classes are numbered from 0")
        indices = cells.values.astype(np.int64)
        if cells.null is not None:
            indices[cells.null] = MISSING
        return indices
    place = {name: index for index, name in enumerate(classes or ())}
    known = np.array([place.get(value, -1) for value in cells.values] + [MISSING], dtype=np.int64)
    indices = known[cells.codes]
    if (indices == -1).any():
        row = int((indices == -1).argmax())
        value = cells.values[cells.codes[row]]
        near = closest(value, list(place))
        raise cell_problem(
            at,
            column,
            "hold names of classes",
            f"{value!r}",
            row,
            (f"did you mean {near!r}? " if near else "") + f"the names are {listing(place)}"
            if place
            else "give the names in the order of the logits: --classes a,b,c",
        )
    return indices


def weights(cells: Cells, column: str, at: At) -> NDArray[np.float64]:
    """Return weights, having checked that each is finite and not negative."""
    null = cells.codes < 0 if isinstance(cells, Words) else cells.null
    values = np.full(len(cells.codes), np.nan) if isinstance(cells, Words) else cells.values.astype(np.float64)
    wrong: Bools = ~(np.isfinite(values) & (values >= 0))
    if null is not None:
        wrong |= null
    if wrong.any():
        row = int(wrong.argmax())
        got = "null" if null is not None and null[row] else f"{values[row]:g}"
        raise cell_problem(
            at, column, "hold weights that are finite and not negative", got, row, "use 0 to leave a row out"
        )
    return values


def splits(cells: Cells) -> NDArray[np.int8]:
    """Return the codes of a split column."""
    assert isinstance(cells, Words)  # columns.choose() lets only text through
    code = {"calibration": CALIBRATION, "test": TEST}
    return np.array([code.get(value, OTHER) for value in cells.values] + [OTHER], dtype=np.int8)[cells.codes]


def slice_values(cells: Cells) -> Array:
    """Return the values of a slice column: float64 for numbers (NaN for null), else str ("(missing)" for null)."""
    if isinstance(cells, Words):
        return np.array([*cells.values, MISSING_WORD], dtype=object)[cells.codes]
    if cells.values.dtype.kind == "b":
        words = np.array(["false", "true"], dtype=object)[cells.values.astype(np.int64)]
        if cells.null is not None:
            words[cells.null] = MISSING_WORD
        return words
    numbers = cells.values.astype(np.float64)
    if cells.null is not None:
        numbers[cells.null] = np.nan
    return numbers
