"""Which format a file has: its first bytes decide, and a name that says something else is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from xent.audit.readers.problems import bad, cause, closest, listing
from xent.errors import DataError

Content = Literal["parquet", "arrow file", "arrow stream", "npz", "csv", "csv.gz"]

READABLE = "Parquet, Arrow IPC (file, stream, Feather v2), CSV and NPZ can be read"

_BY_SUFFIX = {
    ".parquet": "parquet",
    ".parq": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".arrows": "arrow",
    ".ipc": "arrow",
    ".feather": "arrow",
    ".csv": "csv",
    ".tsv": "csv",
    ".npz": "npz",
}
_MAGIC: tuple[tuple[bytes, Content], ...] = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow file"),
    (b"\xff\xff\xff\xff", "arrow stream"),
    (b"PK\x03\x04", "npz"),
    (b"PK\x05\x06", "npz"),  # a zip archive without members
)
_SAID = {
    "parquet": ("Parquet", ".parquet"),
    "arrow file": ("Arrow IPC", ".arrow"),
    "arrow stream": ("an Arrow IPC stream", ".arrows"),
    "npz": ("a zip archive", ".npz if NumPy wrote it"),
}
#: Contents that are often handed over by mistake, and the way out of each.
_OTHERS = (
    (b"\x93NUMPY", "a single NumPy array (.npy)", "save logits and labels together: np.savez(path, logits=…, label=…)"),
    (b"FEA1", "Feather version 1", "write it again as version 2: pyarrow.feather.write_feather(table, path)"),
    (b"PARE", "Parquet with an encrypted footer", "write it again without encryption"),
    (b"\x89HDF", "HDF5", READABLE),
    (b"\x1f\x8b", "gzip", "unpack it with gunzip; only .csv.gz is read as it is"),
    (b"\x28\xb5\x2f\xfd", "Zstandard", "unpack it with unzstd"),
    (b"BZh", "bzip2", "unpack it with bunzip2"),
    (b"\xfd7zXZ", "xz", "unpack it with unxz"),
    (b"ORC", "ORC", READABLE),
    (b"Obj\x01", "Avro", READABLE),
    (b"SQLite format 3", "an SQLite database", READABLE),
    (b"\x80\x02", "a pickle", "pickles are never loaded; write the arrays with np.savez"),
    (b"\x80\x03", "a pickle", "pickles are never loaded; write the arrays with np.savez"),
    (b"\x80\x04", "a pickle", "pickles are never loaded; write the arrays with np.savez"),
    (b"\x80\x05", "a pickle", "pickles are never loaded; write the arrays with np.savez"),
    (b"\xff\xfe", "UTF-16 text", "write it again as UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "write it again as UTF-8"),
)
_CONTROL = bytes(set(range(32)) - set(b"\t\n\r\f"))


def sniff(path: Path) -> Content:
    """Return the format of the file's content, having checked that there is one and that the name agrees with it."""
    head = _head(path)
    name = path.name
    suffix = path.suffix.lower()
    expected = _BY_SUFFIX.get(suffix)
    for magic, content in _MAGIC:
        if head.startswith(magic):
            if expected not in (None, content.split()[0]):
                said, right = _SAID[content]
                raise bad(
                    f"{name} must be what its extension says; got the content of {said}",
                    f"rename it to {right}, or check that it is the file you meant",
                )
            return content
    if head.startswith(b"\x1f\x8b") and suffix == ".gz" and path.with_suffix("").suffix.lower() in (".csv", ".tsv"):
        return "csv.gz"
    for magic, said, hint in _OTHERS:
        if head.startswith(magic):
            raise bad(f"{name} must be a table that can be read; got {said}", hint)
    if not head.translate(None, _CONTROL) == head:
        raise bad(f"{name} must be a table that can be read; got unknown content, beginning {head[:8]!r}", READABLE)
    if expected != "csv":
        raise bad(
            f"{name} must be what its extension says; got text"
            if expected
            else f"{name} must be a table that can be read; got text and the extension {suffix!r}",
            f"if it is a table of comma-separated values rename it to .csv; {READABLE}",
        )
    return "csv"


def _head(path: Path) -> bytes:
    """Return the first bytes of a regular file that is not empty."""
    name = path.name or str(path)
    try:
        if path.is_dir():
            raise bad(
                f"{name} must be a file; got a directory", "pass one file; parts of a dataset must be joined first"
            )
        if path.exists() and not path.is_file():
            raise bad(f"{name} must be a regular file, which is read twice; got a pipe or device", "write it to a file")
        with path.open("rb") as file:
            head = file.read(4096)
    except DataError:  # a ValueError too
        raise
    except FileNotFoundError:
        raise bad(f"{path} must be there; got no such file", _where(path)) from None
    except PermissionError:
        raise bad(f"{path} must be readable; got no permission", "give this user the right to read it") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise bad(f"{path} must be a file that can be read; got: {cause(error)}", "check the path") from error
    if not head:
        raise bad(
            f"{name} must hold a table; got an empty file", "it may still have been being written: write it again"
        )
    return head


def _where(path: Path) -> str:
    """Return a hint for a path where nothing is."""
    folder = path.parent
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return f"there is no folder {folder}"
    near = closest(path.name, names)
    return f"did you mean {near!r}?" if near else f"in {folder} there are: {listing(names, 6)}"
