"""Notebooks: the code of their cells as one program, and edits of it put back into the file."""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from xent.lint.finding import SourceProblem

#: Cell magics whose cell is Python all the same.
_PYTHON_MAGICS = {"capture", "prun", "python", "python3", "time", "timeit"}
_LINE_END = re.compile("\r\n|\r|\n")
#: What matters to find the lines on which a statement starts: strings, comments and brackets.
_TOKEN = re.compile(
    r"""(?P<comment>\#.*)|(?P<long>\"\"\"|''')|(?P<short>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?P<open>[(\[{])|(?P<close>[)\]}])"""
)
_ASSIGNED = re.compile(r"^(\s*[\w.,\s\[\]'\"]+=\s*)[!%].*$")
_HELP = re.compile(r"^\s*(?:\?{1,2}[\w.*%]+|%{0,2}[\w.*]+\?{1,2})\s*$")


@dataclass(frozen=True, slots=True)
class Cell:
    """A code cell: its number among all cells, from 1, its first line in the notebook's code, and how many it has."""

    number: int
    first_line: int
    n_lines: int


def position(cells: tuple[Cell, ...], line: int) -> tuple[int | None, int]:
    """Return the cell of a line of a notebook's code and its line there; no cell where it is no notebook."""
    for cell in cells:
        if cell.first_line <= line < cell.first_line + cell.n_lines:
            return cell.number, line - cell.first_line + 1
    return (cells[-1].number, cells[-1].n_lines) if cells else (None, line)


def code_of(path: str, text: str) -> tuple[str, tuple[Cell, ...]]:
    """Return the code of a notebook's cells and where each is. What is no Python is blanked: every line stays."""
    lines: list[str] = []
    cells = []
    for number, source in _code_cells(path, text):
        its_lines = _python_of(source)
        cells.append(Cell(number, len(lines) + 1, len(its_lines)))
        lines += its_lines
    return "\n".join([*lines, ""]), tuple(cells)


def rewrite(path: str, text: str, mended: dict[int, str]) -> str:
    """Return a notebook with other sources in the cells of these numbers. Not another letter of it changes."""
    spans = sorted(((span, number) for number, span in _source_spans(text).items() if number in mended), reverse=True)
    for (start, end), number in spans:
        text = text[:start] + _as_written(mended[number], text[start:end]) + text[end:]
    return text


def sources(path: str, text: str) -> dict[int, str]:
    """Return the source of each code cell by its number, as it is in the file."""
    return dict(_code_cells(path, text))


def _code_cells(path: str, text: str) -> Iterator[tuple[int, str]]:
    try:
        notebook = json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceProblem(path, error.lineno, f"is no notebook: its JSON is broken ({error.msg})") from None
    except (ValueError, RecursionError):  # a number of thousands of digits; brackets in brackets
        raise SourceProblem(path, 1, "is no notebook: its JSON cannot be read") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list):
        raise SourceProblem(path, 1, "is no notebook of format 4: it has no list of cells")
    if _language(notebook) != "python":
        return
    for number, cell in enumerate(cells, 1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", "")
            if isinstance(source, list) and all(isinstance(line, str) for line in source):
                source = "".join(source)
            if not isinstance(source, str):
                raise SourceProblem(path, 1, f"is no notebook: the source of cell {number} is no text")
            if "\0" in source:
                raise SourceProblem(path, 1, f"holds a null byte in cell {number}, which Python source cannot")
            yield number, source


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    if isinstance(metadata, dict):
        for key, name in (("kernelspec", "language"), ("language_info", "name")):
            described = metadata.get(key)
            if isinstance(described, dict) and isinstance(described.get(name), str):
                return str(described[name]).lower()
    return "python"


def _python_of(source: str) -> list[str]:
    """Return the lines of a cell with all that only IPython knows made harmless."""
    lines = _LINE_END.split(source)
    first = next((index for index, line in enumerate(lines) if line.strip()), 0)
    if lines[first].lstrip().startswith("%%"):
        magic = lines[first].lstrip()[2:].split(maxsplit=1)
        if not magic or magic[0] not in _PYTHON_MAGICS:
            return [""] * len(lines)
        lines[first] = ""
    if not any(mark in source for mark in "%!?") or _parses(lines):
        return lines
    return _without_magics(lines)


def _parses(lines: list[str]) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _without_magics(lines: list[str]) -> list[str]:
    """Replace line magics, shell commands and questions for help by statements that do nothing."""
    kept = []
    inside = _Inside()
    for line in lines:
        start = line.lstrip()
        indent = line[: len(line) - len(start)]
        if inside.command:  # the command above ends with a backslash
            kept.append(indent)
            inside.command = line.endswith("\\")
        elif inside.statement:
            kept.append(line)
            inside.pass_over(line)
        elif start.startswith(("%", "!")) or _HELP.match(line):
            kept.append(f"{indent}pass")
            inside.command = line.endswith("\\")
        elif assigned := _ASSIGNED.match(line):
            kept.append(f"{assigned[1]}None")
            inside.command = line.endswith("\\")
        else:
            kept.append(line)
            inside.pass_over(line)
    return kept


class _Inside:
    """What a line starts inside of: brackets, a string over several lines, a line that goes on, a command."""

    def __init__(self) -> None:
        self.command = False
        self._depth = 0
        self._quote = ""
        self._goes_on = False

    @property
    def statement(self) -> bool:
        return bool(self._depth or self._quote or self._goes_on)

    def pass_over(self, line: str) -> None:
        at = 0
        self._goes_on = False
        while at < len(line):
            if self._quote:
                end = re.compile(rf"(?:\\.|(?!{self._quote}).)*{self._quote}").match(line, at)
                if end is None:
                    return
                self._quote, at = "", end.end()
                continue
            token = _TOKEN.search(line, at)
            if token is None or token["comment"]:
                break
            at = token.end()
            if token["long"]:
                self._quote = token["long"]
            elif token["open"]:
                self._depth += 1
            elif token["close"]:
                self._depth = max(self._depth - 1, 0)
        else:
            return
        self._goes_on = token is None and line.endswith("\\")


def _source_spans(text: str) -> dict[int, tuple[int, int]]:
    """Return where in the JSON each cell's source is written. The text is known to be a notebook."""
    spans: dict[int, tuple[int, int]] = {}
    for key, start, _ in _members(text, _skip(text, 0)):
        if key == "cells":
            spans = {}
            for number, at in enumerate(_items(text, start), 1):
                for name, value, end in _members(text, at):
                    if name == "source":
                        spans[number] = (value, end)
    return spans


_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\r\n]*")


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _members(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Go through the members of the object at a place: name, start and end of the value."""
    if text[at] != "{":
        return
    at = _skip(text, at + 1)
    while text[at] != "}":
        name, at = _DECODER.raw_decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, end = _DECODER.raw_decode(text, start)
        yield name, start, end
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _items(text: str, at: int) -> Iterator[int]:
    """Go through the starts of the items of the array at a place."""
    at = _skip(text, at + 1)
    while text[at] != "]":
        yield at
        _, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _as_written(source: str, before: str) -> str:
    """Write a cell's source as the one before was: a list of lines or one string, its indent, its escapes."""
    ascii_only = before.isascii() and "\\u" in before

    def text_of(value: str) -> str:
        return json.dumps(value, ensure_ascii=ascii_only)

    if not before.startswith("["):
        return text_of(source)
    return _list_of(source.splitlines(keepends=True), before, text_of)


def _list_of(lines: list[str], before: str, text_of: Callable[[str], str]) -> str:
    opening = before[: _skip(before, 1)]
    closing = before[len(before[:-1].rstrip(" \t\r\n")) :]
    between = "," + (opening[1:] or " ")
    return opening + between.join(map(text_of, lines)) + closing
