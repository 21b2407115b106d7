"""CSV with a header: commas, or tabs in a .tsv file; UTF-8; gzip too. An empty cell is null, the word nan a number."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from xent.audit.readers.arrow import ArrowChunk, chunks, fields_of
from xent.audit.readers.columns import Columns, Field, class_number
from xent.audit.readers.problems import bad, cause, pyarrow, reading
from xent.errors import DataError

_WHAT = "a CSV file"
_NO_NEWLINE = "The file does not end with a newline: its last row may be cut off."

#: Bytes read at a time; a row must fit in. The first block decides the type of every column.
BLOCK = 2**24


class CsvTable:
    """A CSV file, read block by block.

    A file that was cut off at the end of a row cannot be told from a whole one, nor can one that was cut off within its
    last cell from one whose writer ended it without a newline: ``notes`` says so. A file in gzip has an end of its own.
    """

    format = "csv"

    def __init__(self, path: Path, columns: Columns, gzip: bool) -> None:
        self._path = path
        self._gzip = gzip
        inner = Path(path.stem) if gzip else path
        self._delimiter = "\t" if inner.suffix.lower() == ".tsv" else ","
        self._label = columns.label
        self._names: list[str] = []
        pyarrow()
        with reading(path.name, _WHAT):
            schema = self._schema()
            self.notes = () if gzip or _ends_with_newline(path) else (_NO_NEWLINE,)
            self._names = schema.names
            self.fields = [self._field(field) for field in fields_of(schema)]
        self._types = {field.name: self._type(field) for field in self.fields}
        self._find_text_in_scores(columns.logits)

    def rows(self, columns: Sequence[str]) -> int | None:
        """Return None: only reading all rows tells how many there are."""
        return None

    def read(self, columns: Sequence[str], rows: int) -> Generator[ArrowChunk]:
        """Yield all rows, ``rows`` at a time (the last time fewer), with at least these columns."""
        types = {name: self._types[name] for name in columns}
        yield from chunks(self._blocks(types), rows, self._path.name, _WHAT)

    def _blocks(self, types: Mapping[str, Any]) -> Iterator[Any]:
        try:
            with self._reader(types, use_threads=True) as reader:
                yield from reader
        except pyarrow().ArrowInvalid as error:
            raise self._explain(error, types) from error

    def _schema(self) -> Any:
        try:
            with self._reader({}, use_threads=True) as reader:
                return reader.schema
        except pyarrow().ArrowInvalid as error:
            raise self._explain(error, {}) from error

    def _reader(self, types: Mapping[str, Any], use_threads: bool) -> Any:
        pa, csv = pyarrow(), pyarrow("pyarrow.csv")
        return csv.open_csv(
            pa.input_stream(str(self._path), compression="gzip" if self._gzip else None),
            read_options=csv.ReadOptions(block_size=BLOCK, use_threads=use_threads),
            parse_options=csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=[""], strings_can_be_null=True
            ),
        )

    def _field(self, field: Field) -> Field:
        """Return how a column is read: numbers as float64 except the label's, dates as the text they are."""
        if field.kind in ("int", "float") and field.name != self._label:
            return Field(field.name, "float", "numbers", "float64")
        if field.kind == "other" or field.type in ("binary", "null"):
            return field._replace(kind="null" if field.kind == "null" else "text", type="text")
        return field._replace(
            type={"string": "text", "double": "numbers with a decimal point (float64)"}.get(field.type, field.type)
        )

    def _type(self, field: Field) -> Any:
        pa = pyarrow()
        return {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}.get(field.kind, pa.string())

    def _find_text_in_scores(self, prefix: str) -> None:
        """Raise for the first cell that is no number in a column that ought to be a class: prefix_7."""
        suspects = [
            field.name
            for field in self.fields
            if field.kind == "text"
            and field.name.startswith(prefix)
            and class_number(field.name[len(prefix) :]) is not None
        ]
        if suspects and len(set(self._names)) == len(self._names):
            types = {name: pyarrow().float64() for name in suspects}
            with reading(self._path.name, _WHAT):
                next(self._blocks(types), None)

    def _explain(self, error: Exception, types: Mapping[str, Any]) -> DataError:
        """Return the error for a row that cannot be read. Only a reader without threads knows which row it is."""
        if "Row #" not in str(error):
            try:
                with self._reader(types, use_threads=False) as reader:
                    for _ in reader:
                        pass
            except pyarrow().ArrowInvalid as same:
                error = same
        message, file = str(error), self._path.name
        found = re.search(r"Row #(\d+)", message)
        row = f" at row {int(found[1]) - 2}" if found else ""  # Arrow counts from 1, and the header too
        cells = re.search(r"Expected (\d+) columns, got (\d+)", message)
        if cells:
            return bad(
                f"{file} must have {cells[1]} cells in every row, as the header has; got {cells[2]}{row}",
                "quote a cell that holds a comma; if the last row is short the file may be cut off",
            )
        value = re.search(r"In CSV column #(\d+): (?:Row #\d+: )?CSV conversion error to (\w+): (.*)", message)
        if value:
            number = int(value[1])
            name = self._names[number] if number < len(self._names) else f"#{number}"
            got = re.sub(r"^invalid value ", "", value[3])[:100]
            wanted = {"double": "numbers", "int64": "integers", "bool": "true or false"}.get(value[2], "UTF-8 text")
            return bad(
                f"column {name!r} of {file} must hold {wanted} throughout; got {got}{row}",
                "save the file as UTF-8" if wanted == "UTF-8 text" else "correct the cell; leave a missing one empty",
            )
        if "straddling" in message:
            return bad(
                f"{file} must have rows of at most {BLOCK} bytes; got a longer one",
                "a quote that is never closed has this effect; very wide tables are for Parquet",
            )
        return bad(f"{file} must be a CSV file that can be read; got: {cause(error)}", "check what wrote it")


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() in (b"\n", b"\r")
