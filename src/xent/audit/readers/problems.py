"""How every reader says what is wrong with a file."""

from __future__ import annotations

import difflib
import importlib
import lzma
import zipfile
import zlib
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from xent.errors import DataError, XentError

#: What the libraries below raise for a damaged file; pyarrow's own exceptions are known by their module.
_LOW_LEVEL = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    RuntimeError,
    EOFError,
    OverflowError,
    MemoryError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)


class At(NamedTuple):
    """Where a chunk of rows comes from: the file's name, and the number of its first row."""

    file: str
    start: int = 0


def bad(problem: str, hint: str) -> DataError:
    """Return the error to raise."""
    return DataError("xent audit", problem, hint)


def cell_problem(at: At, column: str, rule: str, got: object, row: int, hint: str) -> DataError:
    """Return the error for one cell; ``row`` counts from the start of the chunk."""
    return bad(f"column {column!r} of {at.file} must {rule}; got {got} at row {at.start + row}", hint)


@contextmanager
def reading(file: str, what: str) -> Generator[None]:
    """Turn whatever a library raises while it reads ``file`` into a DataError that names its cause."""
    try:
        yield
    except XentError:
        raise
    except PermissionError:
        raise bad(f"{file} must be readable; got no permission", "give this user the right to read it") from None
    except FileNotFoundError:
        raise bad(f"{file} must be there; got no such file", "it was there before: was it moved?") from None
    except Exception as error:
        if not (isinstance(error, _LOW_LEVEL) or type(error).__module__.startswith("pyarrow")):
            raise
        raise bad(
            f"{file} must be {what} that can be read; got: {cause(error)}",
            "the file may be damaged or cut off: write or copy it again",
        ) from error


def cause(error: BaseException) -> str:
    """Return what an exception says, in one short line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return (lines[0][:200] if lines else "") or type(error).__name__


def listing(names: Iterable[str], limit: int = 12) -> str:
    """Return names for a message: all of a few, the first of many."""
    quoted = [repr(name) for name in names]
    more = f" and {len(quoted) - limit} more" if len(quoted) > limit else ""
    return (", ".join(quoted[:limit]) or "none") + more


def closest(name: str, names: Sequence[str]) -> str | None:
    """Return the one of ``names`` that ``name`` may have been meant to be."""
    folded = {other.casefold(): other for other in reversed(names)}
    matches = difflib.get_close_matches(name.casefold(), list(folded), n=1)
    return folded[matches[0]] if matches else None


def pyarrow(module: str = "pyarrow") -> Any:
    """Import pyarrow, or one of its modules, when a file needs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise bad(
            f"pyarrow must be installed to read Parquet, Arrow and CSV files; got: {cause(error)}",
            "pip install 'xent[audit]'  (.npz files are read without it)",
        ) from None
