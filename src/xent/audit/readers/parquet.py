"""Parquet."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from xent.audit.readers.arrow import ArrowChunk, chunks, fields_of
from xent.audit.readers.problems import bad, pyarrow, reading

_WHAT = "a Parquet file"


class ParquetTable:
    """A Parquet file; only the wanted columns are read, page by page."""

    format = "parquet"
    notes = ()

    def __init__(self, path: Path) -> None:
        self._path = path
        pyarrow()
        with reading(path.name, _WHAT), path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - 4))
            if size < 12 or file.read(4) != b"PAR1":
                raise bad(
                    f"{path.name} must be a whole Parquet file; got one without its end",
                    "the file may be cut off, or still being written: write or copy it again",
                )
        with reading(path.name, _WHAT), self._open() as parquet:
            self.fields = fields_of(parquet.schema_arrow)
            self._rows: int = parquet.metadata.num_rows

    def rows(self, columns: Sequence[str]) -> int:
        """Return the number of rows."""
        return self._rows

    def read(self, columns: Sequence[str], rows: int) -> Generator[ArrowChunk]:
        """Yield all rows, ``rows`` at a time (the last time fewer), with at least these columns."""
        with reading(self._path.name, _WHAT):
            parquet = self._open()
        with parquet:
            with reading(self._path.name, _WHAT):
                batches = parquet.iter_batches(batch_size=rows, columns=list(columns))
            yield from chunks(batches, rows, self._path.name, _WHAT)

    def _open(self) -> Any:
        # Without these two whole row groups are loaded ahead, which may be the whole file.
        return pyarrow("pyarrow.parquet").ParquetFile(
            self._path, pre_buffer=False, buffer_size=1 << 16, page_checksum_verification=True
        )
