"""Reading a file as Python reads it: its encoding, its lines, its tree. What cannot be read says so in one line."""

from __future__ import annotations

import ast
import io
import re
import stat
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xent.lint.finding import SourceProblem
from xent.lint.notebook import Cell, code_of

#: Larger files are generated; parsing one takes a gigabyte and half a minute.
LARGEST = 10_000_000

_BOM = b"\xef\xbb\xbf"
#: What every encoding that Python takes for source reads as ASCII does; others (utf-7, unicode_escape) are refused.
_PLAIN = bytes(range(0x20, 0x7F)) + b"\t\n\\n\\u0041\\x41 -~{~}"
_LINE_END = re.compile("\r\n|\r|\n")

#: Content that stands for a file's without being in it: standard input, and fixes that are not written yet.
_unsaved: dict[str, bytes] = {}


@dataclass(frozen=True)
class Source:
    """A file's text. Lines end with a line feed, whatever the file has; those of a notebook are its cells' in order."""

    path: str
    text: str
    cells: tuple[Cell, ...] = ()

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their ends. Only a line feed ends one: form feeds and their like do not."""
        return self.text.split("\n")


@dataclass(frozen=True)
class Encoded:
    """A file's content, taken apart so that it can be put together again: byte-order mark, encoding, text as it is."""

    text: str
    encoding: str
    bom: bool

    def encode(self, text: str) -> bytes:
        """Return the bytes of another text in this file's way. Raises UnicodeEncodeError where it lacks a letter."""
        return (_BOM if self.bom else b"") + text.encode(self.encoding)


@contextmanager
def unsaved(contents: Mapping[str, bytes]) -> Iterator[None]:
    """Let these contents stand for those of the files of these paths."""
    before = dict(_unsaved)
    _unsaved.update(contents)
    try:
        yield
    finally:
        _unsaved.clear()
        _unsaved.update(before)


def read(path: str) -> Source:
    """Read a file: a notebook if its name ends with ``.ipynb``, else Python source. Raises SourceProblem."""
    text = decode(path, content_of(path)).text
    if is_notebook(path):
        code, cells = code_of(path, text)
        return Source(path, code, cells)
    return Source(path, _LINE_END.sub("\n", text) if "\r" in text else text)


def is_notebook(path: str) -> bool:
    """Say whether a path is read as a Jupyter notebook."""
    return path.endswith(".ipynb")


def content_of(path: str) -> bytes:
    """Return the bytes of a file of at most :data:`LARGEST`. Raises SourceProblem."""
    if path in _unsaved:
        content = _unsaved[path]
    else:
        try:
            if not stat.S_ISREG(Path(path).stat().st_mode):  # a pipe or a device may never end
                raise SourceProblem(path, 1, "is no regular file")
            with Path(path).open("rb") as file:
                content = file.read(LARGEST + 1)
        except (OSError, ValueError) as error:
            raise SourceProblem(path, 1, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > LARGEST:
        raise SourceProblem(path, 1, f"is larger than {LARGEST // 1_000_000} MB, the most that is read")
    return content


def decode(path: str, content: bytes) -> Encoded:
    """Decode a file as PEP 263 says: by its byte-order mark, its declaration in the first two lines, or as UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceProblem(path, 1, "is UTF-16, which Python does not read; save it as UTF-8")
    bom = content.startswith(_BOM)
    content = content.removeprefix(_BOM)
    encoding = "utf-8" if is_notebook(path) else _declared(path, content, bom)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        named = {"utf-8": "UTF-8"}.get(encoding, encoding)
        byte = f"byte 0x{content[error.start]:02x}"
        raise SourceProblem(path, line, f"is not {named}: {byte}; declare the encoding it has") from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise SourceProblem(path, line, "holds a null byte, which Python source cannot")
    return Encoded(text, encoding, bom)


def _declared(path: str, content: bytes, bom: bool) -> str:
    """Return the encoding that the first two lines declare."""
    from tokenize import cookie_re

    for number, line in enumerate(io.BytesIO(content[:2000]), 1):
        match = cookie_re.match(line.decode("latin-1"))
        if match:
            name = match[1]
            break
        if number == 2 or line.split(b"#")[0].strip():  # only a comment may come before the declaration
            return "utf-8"
    else:
        return "utf-8"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            usable = _PLAIN.decode(name) == _PLAIN.decode("ascii")
    except (LookupError, ValueError):
        usable = False
    if not usable:
        raise SourceProblem(path, number, f"declares the encoding {name!r}, which is none of Python source")
    if bom and name.lower().replace("_", "-") not in ("utf-8", "utf8", "utf-8-sig"):
        raise SourceProblem(path, number, f"declares the encoding {name!r} but has the byte-order mark of UTF-8")
    return "utf-8" if name.lower() in ("utf8", "utf-8", "utf_8", "utf-8-sig", "utf_8_sig") else name


def parse(source: Source) -> ast.Module:
    """Parse a file. Raises SourceProblem where it is no Python of the running version, or nested too deeply."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in strings: they are another linter's
            return ast.parse(source.text)
    except SyntaxError as error:
        line = min(max(error.lineno or 1, 1), len(source.lines))
        raise SourceProblem(source.path, line, _syntax(" ".join(str(error.msg).split()))) from None
    except (RecursionError, MemoryError):
        raise SourceProblem(source.path, 1, "is nested too deeply to be parsed") from None
    except ValueError as error:  # half a character, which only an escape in a notebook can bring
        reason = error.reason if isinstance(error, UnicodeEncodeError) else error
        raise SourceProblem(source.path, 1, f"holds text that cannot be encoded: {reason}") from None


def _syntax(message: str) -> str:
    old = ("Missing parentheses in call to", "multiple exception types must be", "leading zeros in decimal integer")
    if message.startswith(old):
        return f"is Python 2: {message}"
    return f"is no Python {sys.version_info.major}.{sys.version_info.minor}: {message}"
