"""Fixes: edits put into files, shown as a diff or written. No file is left that Python cannot parse."""

from __future__ import annotations

import difflib
import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from xent.errors import DataError
from xent.lint.baseline import apply_baseline
from xent.lint.config import Config
from xent.lint.engine import Found, lint_files
from xent.lint.finding import Edit, Place, SourceProblem
from xent.lint.notebook import position, rewrite, sources
from xent.lint.report import Report, ReportedFinding
from xent.lint.source import Encoded, content_of, decode, is_notebook, parse, read, unsaved

#: A fix may make way for another; that goes on for a while, not for ever.
_ROUNDS = 10
_Range = tuple[tuple[int, int], tuple[int, int]]
_LINE_END = re.compile("\r\n|\r|\n")


class Mended(NamedTuple):
    """The outcome of fixing: what is still found, each changed file's content after and before, how many fixes."""

    report: Report
    contents: dict[str, bytes]
    before: dict[str, bytes]
    n_fixes: int


def mend(found: Found, config: Config, jobs: int, unsafe: bool, contents: Mapping[str, bytes] | None = None) -> Mended:
    """Apply fixes until there are no more, in memory: safe ones, with ``unsafe`` all."""
    now = dict(contents or {})
    changed: dict[str, bytes] = {}
    before: dict[str, bytes] = {}
    n_fixes = 0
    for _ in range(_ROUNDS):
        report = _lint(found, config, jobs, now)
        with unsaved(now):
            accepted, new = _apply(_fixable(report, unsafe), set(found.files))
            before |= {path: content_of(path) for path in new if path not in before}
        if not new:
            return Mended(report, changed, before, n_fixes)
        now |= new
        changed |= new
        n_fixes += len(accepted)
    return Mended(_lint(found, config, jobs, now), changed, before, n_fixes)


def fixable(report: Report, unsafe: bool) -> int:
    """Return how many findings have a fix that would be applied."""
    return len(_fixable(report, unsafe))


def _fixable(report: Report, unsafe: bool) -> list[ReportedFinding]:
    fixes = ((reported, reported.finding.fix) for reported in report.findings)
    return [reported for reported, fix in fixes if fix is not None and (fix.safe or unsafe)]


def _lint(found: Found, config: Config, jobs: int, contents: Mapping[str, bytes]) -> Report:
    report = lint_files(found, config, jobs, contents)
    return report if config.baseline_path is None else apply_baseline(report, config.baseline_path, found.files)


def _apply(fixable: list[ReportedFinding], files: set[str]) -> tuple[list[ReportedFinding], dict[str, bytes]]:
    """Return the fixes that go together, the first of two that overlap, and the files with them."""
    apart: list[ReportedFinding] = []
    taken = _Taken()
    for reported in fixable:
        edits = _edits([reported])
        if _paths(reported) <= files and not any(map(taken.overlaps, edits)):
            apart.append(reported)
            for edit in edits:
                taken.add(edit)
    new = _edited(apart)
    if new is not None:
        return apart, new
    accepted: list[ReportedFinding] = []
    for reported in apart:  # some fix breaks its file: find which by trying each, with those of the same files
        paths = _paths(reported)
        if _edited([*(other for other in accepted if _paths(other) & paths), reported]) is not None:
            accepted.append(reported)
    return accepted, _edited(accepted) or {}


def _edits(fixes: Iterable[ReportedFinding]) -> set[Edit]:
    return {edit for reported in fixes if reported.finding.fix for edit in reported.finding.fix.edits}


def _paths(reported: ReportedFinding) -> set[str]:
    return {edit.place.path for edit in _edits([reported])}


class _Taken:
    """The places of edits that were accepted. They lie apart, so a new one can only meet its two neighbours."""

    def __init__(self) -> None:
        self._edits: dict[str, list[tuple[_Range, Edit]]] = {}

    def overlaps(self, edit: Edit) -> bool:
        its = self._edits.get(edit.place.path, [])
        new = _range(edit.place)
        at = bisect_left(its, new, key=itemgetter(0))
        return any(_overlap(before, new) for before, other in its[max(at - 1, 0) : at + 1] if other != edit)

    def add(self, edit: Edit) -> None:
        its = self._edits.setdefault(edit.place.path, [])
        at = bisect_left(its, _range(edit.place), key=itemgetter(0))
        if its[at : at + 1] != [(_range(edit.place), edit)]:  # two equal edits are one
            its.insert(at, (_range(edit.place), edit))


def _overlap(one: _Range, other: _Range) -> bool:
    (a, b), (c, d) = one, other
    return (a < d and c < b) or a == c


def _range(place: Place) -> _Range:
    return (place.line, place.column), (place.end_line, place.end_column)


def _edited(fixes: list[ReportedFinding]) -> dict[str, bytes] | None:
    """Return the content of the files that fixes change, None where one of them cannot be, or would not parse."""
    edits: dict[str, list[Edit]] = {}
    for edit in _edits(fixes):
        edits.setdefault(edit.place.path, []).append(edit)
    new = {}
    for path, its in sorted(edits.items()):
        try:
            content = edited(path, content_of(path), its)
            with unsaved({path: content}):
                parse(read(path))
        except (SourceProblem, _Refused):
            return None
        new[path] = content
    return new


class _Refused(Exception):
    """An edit that does not fit the file."""


def edited(path: str, content: bytes, edits: Iterable[Edit]) -> bytes:
    """Return a file's content with edits in it, in its own encoding and with its own ends of lines."""
    encoded = decode(path, content)
    if _encode(encoded, encoded.text) != content:  # two ways to write one letter: what we do not touch must stay
        raise _Refused
    if not is_notebook(path):
        return _encode(encoded, _with_edits(encoded.text, edits))
    with unsaved({path: content}):
        source = read(path)
    cells = sources(path, encoded.text)
    by_cell: dict[int, list[Edit]] = {}
    for edit in edits:
        (number, line), (last, end_line) = (position(source.cells, at) for at in (edit.place.line, edit.place.end_line))
        if number is None or number != last:
            raise _Refused
        raw = _LINE_END.split(cells[number])[line - 1 : end_line]
        if raw != source.lines[edit.place.line - 1 : edit.place.end_line]:  # a magic, which only looks like Python
            raise _Refused
        place = Place(path, line, edit.place.column, end_line, edit.place.end_column)
        by_cell.setdefault(number, []).append(Edit(place, edit.replacement))
    mended = {number: _with_edits(cells[number], its) for number, its in by_cell.items()}
    return _encode(encoded, rewrite(path, encoded.text, mended))


def _encode(encoded: Encoded, text: str) -> bytes:
    try:
        return encoded.encode(text)
    except UnicodeEncodeError:
        raise _Refused from None


def _with_edits(text: str, edits: Iterable[Edit]) -> str:
    ends = [(match.start(), match.end()) for match in _LINE_END.finditer(text)]
    starts = [0, *(end for _, end in ends)]
    lengths = [stop - start for start, stop in zip(starts, [*(at for at, _ in ends), len(text)], strict=True)]
    newline = text[slice(*ends[0])] if ends else "\n"

    def offset(line: int, column: int) -> int:
        if not (1 <= line <= len(starts) and 1 <= column <= lengths[line - 1] + 1):
            raise _Refused
        return starts[line - 1] + column - 1

    def where(edit: Edit) -> tuple[int, int]:
        place = edit.place
        start, end = offset(place.line, place.column), offset(place.end_line, place.end_column)
        if start > end:
            raise _Refused
        return start, end

    parts = []
    done = 0
    for (start, end), replacement in sorted((where(edit), edit.replacement) for edit in edits):
        parts += [text[done:start], replacement.replace("\n", newline)]
        done = end
    return "".join([*parts, text[done:]])


def write(contents: Mapping[str, bytes], before: Mapping[str, bytes]) -> None:
    """Write files, each whole or not at all, with the permissions they have. A link stays one.

    Raises
    ------
    DataError
        A file cannot be written, or is no longer what was checked.
    """
    for path, content in contents.items():
        file = Path(os.path.realpath(path))
        temporary = file.with_name(f".xent-{os.urandom(8).hex()}.part")
        try:
            if file.read_bytes() != before[path]:
                raise DataError("xent lint", f"{path} must not change while it is mended; it did", "run it again")
            temporary.write_bytes(content)
            temporary.chmod(file.stat().st_mode)
            temporary.replace(file)
        except OSError as error:
            raise DataError(
                "xent lint", f"{path} must be writable; got {error.strerror or error}", "see its permissions, or --diff"
            ) from error
        finally:
            temporary.unlink(missing_ok=True)


def diff(contents: Mapping[str, bytes], before: Mapping[str, bytes]) -> str:
    """Return a unified diff of files, of notebooks by cell."""
    return "".join(part for path in contents for part in _diff(path, before[path], contents[path]))


def _diff(path: str, before: bytes, after: bytes) -> Iterator[str]:
    old, new = decode(path, before).text, decode(path, after).text
    if not is_notebook(path):
        yield from _unified(path, old, new)
        return
    was, now = sources(path, old), sources(path, new)
    for number in was:
        yield from _unified(f"{path}:cell {number}", was[number], now[number])


def _unified(name: str, old: str, new: str) -> Iterator[str]:
    was, now = ([line for line in re.split("(?<=\n)", text) if line] for text in (old, new))
    for line in difflib.unified_diff(was, now, name, name):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
