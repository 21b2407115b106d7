"""Arrays in memory as a source."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xent.audit.readers.cells import Cells, Numbers, Words
from xent.audit.readers.columns import Columns, Field, FieldKind, choose
from xent.audit.readers.problems import At, bad
from xent.audit.readers.table import TableSource, describe
from xent.audit.source import Kind

_KIND_OF: dict[str, FieldKind] = {
    "b": "bool",
    "i": "int",
    "u": "int",
    "f": "float",
    "U": "text",
    "S": "text",
    "T": "text",
}


def field_of(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Field:
    """Return the field of an array."""
    kind: FieldKind = "objects" if dtype.hasobject else _KIND_OF.get(dtype.kind, "other")
    if len(shape) == 1:
        return Field(name, kind, "pickled objects" if dtype.hasobject else dtype.name, dtype.name)
    said = f"{dtype.name} of shape {shape}"
    return Field(name, "vector" if len(shape) == 2 and kind in ("int", "float") else "other", said, dtype.name)


class ArraysChunk:
    """Rows of arrays, of which the first axis is the rows."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], at: At) -> None:
        self._arrays = arrays
        self.at = at

    def vectors(self, column: str, width: int | None) -> NDArray[Any]:
        """Return an array of two axes."""
        return self._arrays[column]

    def cells(self, column: str) -> Cells:
        """Return a column of single values."""
        array = self._arrays[column]
        kind = array.dtype.kind
        if kind in "biuf":
            return Numbers(array)
        if kind in "USMm":
            values, codes = np.unique(array, return_inverse=True)
            return words(self._text(column, values), codes.astype(np.int64))
        place: dict[Any, int] = {}
        codes = np.array([place.setdefault(value, len(place)) for value in array.tolist()], dtype=np.int64)
        return words([None if value is None or value != value else str(value) for value in place], codes)

    def _text(self, column: str, values: NDArray[Any]) -> list[str | None]:
        if values.dtype.kind == "S":
            try:
                return [value.decode() for value in values.tolist()]
            except UnicodeDecodeError as error:
                raise bad(
                    f"column {column!r} of {self.at.file} must be UTF-8 text; got {error.object[:20]!r}",
                    "decode it before it is saved",
                ) from None
        return [
            None if value == "NaT" and values.dtype.kind in "Mm" else value for value in values.astype(str).tolist()
        ]


def words(values: Sequence[str | None], codes: NDArray[np.int64]) -> Words:
    """Return text of which some values may be None."""
    null = np.array([value is None for value in values] + [True], dtype=np.bool_)
    return Words([value or "" for value in values], np.where(null[codes], -1, codes))


class ArrayTable:
    """Arrays of one length, sliced and never copied."""

    format = "memory"
    notes = ()

    def __init__(self, arrays: Mapping[str, NDArray[Any]], name: str) -> None:
        self._arrays = arrays
        self._name = name
        self.fields = [_field(key, array) for key, array in arrays.items()]

    def rows(self, columns: Sequence[str]) -> int:
        """Return the number of rows, having checked that these arrays have the same."""
        return check_lengths({name: len(self._arrays[name]) for name in columns}, self._name)

    def read(self, columns: Sequence[str], rows: int) -> Generator[ArraysChunk]:
        """Yield all rows, ``rows`` at a time (the last time fewer), with at least these columns."""
        for start in range(0, self.rows(columns), rows):
            arrays = {name: self._arrays[name][start : start + rows] for name in columns}
            yield ArraysChunk(arrays, At(self._name, start))


def check_lengths(lengths: Mapping[str, int], file: str) -> int:
    """Return the common length of the arrays."""
    (first, expected), *others = lengths.items()
    for name, length in others:
        if length != expected:
            raise bad(
                f"arrays of {file} must have the same length; got {length} for {name!r} and {expected} for {first!r}",
                "every row needs its entry in each of them",
            )
    return expected


class ArraySource(TableSource):
    """Arrays in memory.

    ``scores`` is (n, K), ``label`` (n,) of integers or of class names, None where there is none. For each row there may
    be a ``weight``, a ``split`` ("calibration", "test", anything else: left out) and the values of ``slices``.
    ``names`` are the classes' names. The arrays are checked like a file's columns (DataError) and are not copied.
    """

    def __init__(
        self,
        scores: ArrayLike,
        label: ArrayLike | None,
        *,
        kind: Kind = "logits",
        weight: ArrayLike | None = None,
        split: ArrayLike | None = None,
        slices: Mapping[str, ArrayLike] | None = None,
        names: Sequence[str] | None = None,
        name: str = "arrays",
    ) -> None:
        others = (("label", label), ("weight", weight), ("split", split))
        given: dict[str, ArrayLike] = {kind: scores, **{key: value for key, value in others if value is not None}}
        wanted = dict(slices or {})
        for key in wanted:
            if key in given:
                raise bad(
                    f"slices must have names of their own; got {key!r}", f"{', '.join(given)} are taken: rename it"
                )
        arrays = {key: _array(value, key, name) for key, value in {**given, **wanted}.items()}
        columns = Columns(
            logits=kind,
            kind=kind,
            label="label" if label is not None else None,
            weight="weight" if weight is not None else None,
            split="split" if split is not None else None,
            slices=tuple(wanted),
            classes=tuple(names) if names is not None else None,
        )
        table = ArrayTable(arrays, name)
        layout = choose(name, table.fields, columns)
        super().__init__(table, layout, *describe(table, layout, kind, name, None, kind))


def _array(values: ArrayLike, key: str, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(values)
    except (ValueError, TypeError) as error:
        raise bad(f"{key} of {name} must be an array; got: {error}", "rows must have one length") from None
    if array.ndim == 0:
        raise bad(f"{key} of {name} must have one entry a row; got a single value", "pass an array")
    return array


def _field(name: str, array: NDArray[Any]) -> Field:
    field = field_of(name, array.dtype, array.shape)
    # Objects in memory are words (pandas keeps text so); nothing has to be unpickled.
    return field._replace(kind="text", type="objects") if field.kind == "objects" and array.ndim == 1 else field
