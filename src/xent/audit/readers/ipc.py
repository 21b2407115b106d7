"""Arrow IPC: the file format (which is Feather v2) and the stream format."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from xent.audit.readers.arrow import ArrowChunk, chunks, fields_of
from xent.audit.readers.problems import bad, pyarrow, reading

_WHAT = "an Arrow IPC file"
_END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"


class IpcTable:
    """An Arrow file or stream, mapped into memory: uncompressed columns are not copied, others are not touched."""

    format = "arrow"
    notes = ()

    def __init__(self, path: Path, is_stream: bool) -> None:
        self._path = path
        self._is_stream = is_stream
        pyarrow()
        end = _END_OF_STREAM if is_stream else b"ARROW1"
        with reading(path.name, _WHAT), path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - len(end)))
            # A stream that was cut off between two batches reads as a shorter one; only this mark tells.
            if size <= 2 * len(end) or file.read() != end:
                raise bad(
                    f"{path.name} must be a whole Arrow {'stream' if is_stream else 'file'}; got one without its end",
                    "the file may be cut off, or its writer was not closed: write or copy it again",
                )
        with reading(path.name, _WHAT), self._map() as mapped:
            schema = self._reader(mapped, None).schema
            self.fields = fields_of(schema)
            self._names = schema.names
        self._rows = None if is_stream else self._count()

    def rows(self, columns: Sequence[str]) -> int | None:
        """Return the number of rows, None for a stream."""
        return self._rows

    def read(self, columns: Sequence[str], rows: int) -> Generator[ArrowChunk]:
        """Yield all rows, ``rows`` at a time (the last time fewer), with at least these columns."""
        with reading(self._path.name, _WHAT):
            mapped = self._map()
        with mapped:
            batches = self._batches(mapped, sorted(self._names.index(name) for name in columns))
            yield from chunks(batches, rows, self._path.name, _WHAT, columns)

    def _batches(self, mapped: Any, indices: list[int] | None) -> Iterator[Any]:
        reader = self._reader(mapped, indices)
        if not self._is_stream:
            for number in range(reader.num_record_batches):
                yield reader.get_batch(number)
            return
        yield from reader
        if mapped.tell() != mapped.size():
            raise bad(
                f"{self._path.name} must be one Arrow stream; got {mapped.size() - mapped.tell()} bytes after its end",
                "write all rows into one stream",
            )

    def _count(self) -> int | None:
        with reading(self._path.name, _WHAT), self._map() as mapped:
            count = getattr(self._reader(mapped, None), "count_rows", None)  # older versions of pyarrow have none
            return None if count is None else int(count())

    def _reader(self, mapped: Any, indices: list[int] | None) -> Any:
        ipc = pyarrow("pyarrow.ipc")
        options = ipc.IpcReadOptions(included_fields=indices)
        opened = ipc.open_stream if self._is_stream else ipc.open_file
        return opened(mapped, options=options)

    def _map(self) -> Any:
        return pyarrow().memory_map(str(self._path))
