"""What the formats that pyarrow reads have in common: from record batches to chunks of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xent.audit.readers.cells import Cells, Numbers, Words, null_score
from xent.audit.readers.columns import Field, FieldKind
from xent.audit.readers.memory import words
from xent.audit.readers.problems import At, cell_problem, pyarrow, reading

#: NumPy's words for Arrow's floats.
_DTYPE = {"halffloat": "float16", "float": "float32", "double": "float64"}


def fields_of(schema: Any) -> list[Field]:
    """Return the fields of a schema."""
    return [Field(field.name, *_kind(field.type)) for field in schema]


def _kind(type_: Any) -> tuple[FieldKind, str, str]:
    types = pyarrow().types
    said, stored = str(type_), _stored(type_)
    if types.is_dictionary(stored) or types.is_run_end_encoded(stored):
        stored = stored.value_type
    element = _element(stored)
    if element is not None:
        kind, _, dtype = _kind(element)
        return ("vector" if kind in ("int", "float") else "other"), said, dtype
    if types.is_integer(stored):
        return "int", said, str(stored)
    if types.is_floating(stored):
        return "float", said, _DTYPE[str(stored)]
    if types.is_decimal(stored):
        return "float", said, said
    if types.is_boolean(stored):
        return "bool", said, "bool"
    if types.is_null(stored):
        return "null", said, said
    # Text is often stored as plain binary by writers that leave out the annotation.
    texts = (types.is_string, types.is_large_string, types.is_string_view)
    binaries = (types.is_binary, types.is_large_binary, types.is_binary_view)
    return ("text" if any(test(stored) for test in (*texts, *binaries)) else "other"), said, said


def _stored(type_: Any) -> Any:
    """Return the type under an extension type (say a tensor of fixed shape)."""
    return type_.storage_type if isinstance(type_, pyarrow().BaseExtensionType) else type_


def _element(type_: Any) -> Any:
    types = pyarrow().types
    tests = (
        types.is_list,
        types.is_large_list,
        types.is_fixed_size_list,
        types.is_list_view,
        types.is_large_list_view,
    )
    return type_.value_type if any(test(type_) for test in tests) else None


def chunks(
    batches: Iterable[Any], rows: int, file: str, what: str, columns: Sequence[str] | None = None
) -> Iterator[ArrowChunk]:
    """Cut and join record batches into chunks of ``rows`` rows, the last one of fewer.

    ``columns`` are checked for offsets that point nowhere, which a damaged file may hold, before anything follows them.
    """
    start = count = 0
    held: list[Any] = []
    iterator = iter(batches)
    while True:
        with reading(file, what):
            batch = next(iterator, None)
            if batch is not None and columns is not None:
                _validate(batch, columns)
        if batch is None:
            break
        while batch.num_rows:
            part = batch.slice(0, rows - count)
            batch = batch.slice(part.num_rows)
            held.append(part)
            count += part.num_rows
            if count == rows:
                yield ArrowChunk(_join(held), At(file, start), what)
                start, count, held = start + count, 0, []
    if held:
        yield ArrowChunk(_join(held), At(file, start), what)


def _join(batches: list[Any]) -> Any:
    if len(batches) == 1:
        return batches[0]
    return pyarrow().Table.from_batches(batches).combine_chunks().to_batches()[0]


def _validate(batch: Any, columns: Sequence[str]) -> None:
    for name in columns:
        column = batch.column(name)
        # A full check reads everything; of a score column only the ends, its offsets are compared row by row anyway.
        column.validate(full=_element(_stored(column.type)) is None)


class ArrowChunk:
    """Rows of a record batch."""

    def __init__(self, batch: Any, at: At, what: str) -> None:
        self._batch = batch
        self._what = what
        self.at = at

    def vectors(self, column: str, width: int | None) -> NDArray[Any]:
        """Return a column of vectors as (rows, K), having checked that each has ``width`` numbers."""
        pa = pyarrow()
        with reading(self.at.file, self._what):
            array = _plain(self._batch.column(column))
            if array.null_count:
                row = _first(array.is_null())
                raise cell_problem(self.at, column, "hold a list in every row", "null", row, "leave such rows out")
            if pa.types.is_fixed_size_list(array.type):
                n_classes, values = array.type.list_size, array.flatten()
            else:
                n_classes, values = self._flat(array, column, width)
            if values.null_count:
                raise null_score(column, self.at, _first(values.is_null()) // n_classes)
            return _numbers(values).reshape(len(array), n_classes)

    def _flat(self, array: Any, column: str, width: int | None) -> tuple[int, Any]:
        """Return the number of classes and the values of lists, having checked that all are of one length."""
        pa = pyarrow()
        lengths = array.value_lengths().to_numpy(zero_copy_only=False)
        expected = int(lengths[0]) if width is None else width
        if (lengths != expected).any():
            row = int((lengths != expected).argmax())
            raise cell_problem(
                self.at,
                column,
                f"hold {expected} numbers in every row, as row 0 does",
                f"{lengths[row]}",
                row,
                "every row needs one number for every class, in the same order",
            )
        if pa.types.is_list(array.type) or pa.types.is_large_list(array.type):
            first = array.offsets[0].as_py()
            return expected, array.values.slice(first, expected * len(array))
        return expected, array.flatten()

    def cells(self, column: str) -> Cells:
        """Return a column of single values."""
        pa = pyarrow()
        with reading(self.at.file, self._what):
            array = _plain(self._batch.column(column))
            kind = _kind(array.type)[0]
            if kind == "null":
                return Words((), np.full(len(array), -1, dtype=np.int64))
            if kind in ("int", "float", "bool"):
                null = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
                return Numbers(_numbers(array if null is None else _filled(array)), null)
            if not pa.types.is_dictionary(array.type):
                array = _text(array).dictionary_encode()
            codes = array.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
            return words(_text(array.dictionary).to_pylist(), codes)


def _plain(array: Any) -> Any:
    """Return an array without its wrapping: extension, runs, and a dictionary unless it is a small one of text."""
    pa = pyarrow()
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_run_end_encoded(array.type):
        array = pyarrow("pyarrow.compute").run_end_decode(array)
    if pa.types.is_dictionary(array.type) and (
        _kind(array.type)[0] not in ("text", "other") or len(array.dictionary) > len(array)
    ):
        array = array.dictionary_decode()
    return array


def _numbers(array: Any) -> NDArray[Any]:
    pa = pyarrow()
    if pa.types.is_decimal(array.type):
        array = array.cast(pa.float64())
    result: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return result


def _filled(array: Any) -> Any:
    """Return an array with zeros for nulls, so that integers stay integers."""
    pa = pyarrow()
    if pa.types.is_float16(array.type):
        array = array.cast(pa.float32())
    return array.fill_null(False if pa.types.is_boolean(array.type) else 0)


def _text(array: Any) -> Any:
    pa = pyarrow()
    try:
        return array.cast(pa.large_string())
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError):
        return pa.array([None if value is None else str(value) for value in array.to_pylist()], pa.large_string())


def _first(mask: Any) -> int:
    return int(mask.to_numpy(zero_copy_only=False).argmax())
