"""Read a table of a classifier's outputs: Parquet, Arrow, CSV, NPZ, or arrays in memory.

Each format has a file here that yields chunks of rows in its own arrays; ``columns`` says which columns are meant,
``cells`` turns them into what a batch holds, ``table`` makes batches, ``problems`` is how all of them speak.
"""

from __future__ import annotations

from pathlib import Path

from xent.audit.readers.columns import Columns
from xent.audit.readers.content import sniff
from xent.audit.readers.memory import ArraySource
from xent.audit.readers.table import FileSource, Table
from xent.audit.source import Source

__all__ = ["ArraySource", "Columns", "open_table"]


def open_table(path: Path, columns: Columns) -> Source:
    """Open a file as a source, having checked its columns and its first row.

    Its content decides how it is read. Memory does not grow with the number of rows. Every mistake in the file, found
    now or while the batches are read, is a DataError.
    """
    path = Path(path)
    content = sniff(path)
    table: Table
    if content == "npz":
        from xent.audit.readers.npz import NpzTable

        table = NpzTable(path)
    elif content == "parquet":
        from xent.audit.readers.parquet import ParquetTable

        table = ParquetTable(path)
    elif content in ("csv", "csv.gz"):
        from xent.audit.readers.csv import CsvTable

        table = CsvTable(path, columns, gzip=content == "csv.gz")
    else:
        from xent.audit.readers.ipc import IpcTable

        table = IpcTable(path, is_stream=content == "arrow stream")
    return FileSource(path, table, columns)
