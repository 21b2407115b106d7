"""A table of any format as a source of the audit."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from xent.audit.readers import cells
from xent.audit.readers.cells import Cells
from xent.audit.readers.columns import TWO_CLASSES, Columns, Field, Layout, check_number_of_names, choose
from xent.audit.readers.problems import At, bad, reading
from xent.audit.source import MISSING, Batch, Description, Kind

#: The most numbers a batch holds: 16 MB of float32.
BATCH_SCORES = 2**22


class Chunk(Protocol):
    """Some consecutive rows."""

    at: At

    def vectors(self, column: str, width: int | None) -> NDArray[Any]:
        """Return a column of vectors as (rows, K), having checked that each has ``width`` numbers."""
        ...

    def cells(self, column: str) -> Cells:
        """Return a column of single values."""
        ...


class Table(Protocol):
    """An open file of one format."""

    @property
    def format(self) -> str:
        """The format's name in the audit's result."""
        ...

    @property
    def fields(self) -> Sequence[Field]:
        """The columns, in the order of the file."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what may be wrong with the file although it can be read."""
        ...

    def rows(self, columns: Sequence[str]) -> int | None:
        """Return the number of rows, None where only reading all of them tells."""
        ...

    def read(self, columns: Sequence[str], rows: int) -> Generator[Chunk]:
        """Yield all rows, ``rows`` at a time (the last time fewer), with at least these columns."""
        ...


class TableSource:
    """The rows of a table, in batches of the same size whatever the format."""

    def __init__(self, table: Table, layout: Layout, description: Description, rows_per_batch: int) -> None:
        self._table = table
        self._layout = layout
        self._description = description
        self._rows_per_batch = rows_per_batch

    @property
    def description(self) -> Description:
        """What the table is."""
        return self._description

    def batches(self) -> Iterator[Batch]:
        """Yield all rows in order; every call starts anew and yields the same."""
        layout, n_classes = self._layout, self._description.n_classes
        start = 0
        for chunk in self._table.read(layout.needed, self._rows_per_batch):
            scores = _scores(chunk, layout, n_classes)
            yield Batch(
                start=start,
                scores=scores,
                label=cells.labels(chunk.cells(layout.label), layout.label, layout.classes, chunk.at)
                if layout.label is not None
                else np.full(len(scores), MISSING, dtype=np.int64),
                weight=cells.weights(chunk.cells(layout.weight), layout.weight, chunk.at)
                if layout.weight is not None
                else None,
                split=cells.splits(chunk.cells(layout.split)) if layout.split is not None else None,
                slices=tuple(cells.slice_values(chunk.cells(name)) for name in layout.slices),
            )
            start += len(scores)
        if self._description.rows not in (None, start):
            raise bad(
                f"{self._description.name} must have the {self._description.rows} rows it speaks of; got {start}",
                "the file may be damaged: write it again",
            )

    def sha256(self) -> str | None:
        """Return the hash of the file's bytes, None where there is no file."""
        return None


class FileSource(TableSource):
    """The rows of a file, which must stay the same between passes."""

    def __init__(self, path: Path, table: Table, columns: Columns) -> None:
        self._path = path
        self._stamp = self._stamp_now()
        layout = choose(path.name, table.fields, columns)
        super().__init__(
            table, layout, *describe(table, layout, columns.kind, path.name, self._stamp[0], columns.logits)
        )

    def batches(self) -> Iterator[Batch]:
        """Yield all rows in order; every call starts anew and yields the same."""
        if self._stamp_now() != self._stamp:
            raise bad(
                f"{self._path.name} must stay as it is while it is read; got another size or time than at first",
                "wait until it is written, then start again",
            )
        yield from super().batches()

    def sha256(self) -> str | None:
        """Return the hash of the file's bytes, None where there is no file."""
        with reading(self._path.name, "a file"), self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _stamp_now(self) -> tuple[int, int]:
        with reading(self._path.name, "a file"):
            status = self._path.stat()
        return status.st_size, status.st_mtime_ns


def describe(
    table: Table, layout: Layout, kind: Kind, name: str, n_bytes: int | None, logit_columns: str
) -> tuple[Description, int]:
    """Return what a table is and the rows of a batch, having checked its first row and the number of its classes."""
    rows = table.rows(layout.needed)
    with closing(table.read(layout.needed, 1)) as first_rows:
        chunk = next(first_rows, None)
    if chunk is None or rows == 0:
        raise bad(f"{name} must have at least one row; got 0 rows", "check what wrote it")
    scores = _scores(chunk, layout, None)
    n_classes = scores.shape[1]
    if n_classes < 2:
        raise bad(f"{kind} of {name} must have at least 2 classes; got {n_classes}", TWO_CLASSES)
    check_number_of_names(layout.classes, n_classes, name)
    description = Description(
        name=name,
        format=table.format,
        kind=kind,
        rows=rows,
        n_classes=n_classes,
        dtype=layout.dtype or scores.dtype.name,
        label_column=layout.label,
        logit_columns=logit_columns if layout.is_vector else f"{layout.scores[0]} … {layout.scores[-1]}",
        weight_column=layout.weight,
        split_column=layout.split,
        slice_columns=layout.slices,
        class_names=layout.classes,
        bytes=n_bytes,
        notes=table.notes,
    )
    return description, max(1, BATCH_SCORES // n_classes)


def _scores(chunk: Chunk, layout: Layout, width: int | None) -> NDArray[Any]:
    if layout.is_vector:
        return cells.scores(chunk.vectors(layout.scores[0], width))
    columns = [cells.score_column(chunk.cells(name), name, chunk.at) for name in layout.scores]
    narrow = all(column.dtype.kind == "f" and column.dtype.itemsize <= 4 for column in columns)
    result = np.empty((len(columns[0]), len(columns)), dtype=np.float32 if narrow else np.float64)
    for index, column in enumerate(columns):
        result[:, index] = column
    return result
