"""``# noqa`` comments: which findings they silence, and which of them silence nothing."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from xent.lint.catalogue import catalogue
from xent.lint.finding import Edit, Finding, Fix, Place, SourceProblem
from xent.lint.notices import UNUSED_NOQA
from xent.lint.source import Source, parse

#: A code of any linter, ours XE and digits. After a colon without one, the comment is no noqa of a kind we know.
_NOQA = re.compile(
    r"#\s*noqa(?![\w-])(?P<colon>\s*:\s*(?P<codes>[A-Z]+[0-9]+(?:[\s,]+[A-Z]+[0-9]+\b)*)?)?", re.IGNORECASE
)
_CODE = re.compile(r"[A-Za-z]+[0-9]+")


@dataclass(eq=False)
class _Noqa:
    """A comment: its line, the text of it that matters, the codes in it with their columns; None silences all."""

    line: int
    start: int
    end: int
    codes: tuple[str, ...] | None
    used: set[str] = field(default_factory=set)

    def silences(self, code: str) -> bool:
        return self.codes is None or code in self.codes


def may_have_noqa(source: Source) -> bool:
    """Say whether a file has a noqa comment of a code of ours, which must be looked at though nothing is found."""
    return any("XE" in match[0].upper() for match in _NOQA.finditer(source.text))


def silence(source: Source, findings: Iterable[Finding], codes: frozenset[str]) -> list[Finding]:
    """Return the findings that no comment silences, and one of XE001 for each comment of ours that silences nothing.

    A comment counts on the lines of the finding, and on the first and last line of its statement. ``codes`` are those
    that the run looked for; what it did not look for cannot be told to be unused.
    """
    comments = list(_comments(source))
    if not comments:
        return list(findings)
    on_line: dict[int, list[_Noqa]] = {}
    for comment in comments:
        on_line.setdefault(comment.line, []).append(comment)
    statements = _Statements(source)
    kept = []
    for finding in findings:
        silencing = [
            comment
            for line in statements.lines_of(finding.place)
            for comment in on_line.get(line, ())
            if comment.silences(finding.code)
        ]
        for comment in silencing:
            comment.used.add(finding.code)
        if not silencing:
            kept.append(finding)
    if UNUSED_NOQA.code in codes:
        kept += [
            finding
            for finding in _unused(source, comments, codes)
            if not any(comment.silences(UNUSED_NOQA.code) for comment in on_line[finding.place.line])
        ]
    return kept


def _comments(source: Source) -> Iterator[_Noqa]:
    """Go through the noqa comments. Only a tokenizer tells a comment from the text of a string."""
    if not _NOQA.search(source.text):
        return
    try:
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT and (match := _NOQA.search(token.string)):
                if match["colon"] and not match["codes"]:
                    continue
                line, column = token.start
                codes = (
                    None if match["codes"] is None else tuple(code.upper() for code in _CODE.findall(match["codes"]))
                )
                yield _Noqa(line, column + match.start(), column + match.end(), codes)
    except (tokenize.TokenError, SyntaxError, RecursionError):  # what follows is not Python: its parser has said so
        return


def _unused(source: Source, comments: list[_Noqa], codes: frozenset[str]) -> Iterator[Finding]:
    for comment in comments:
        ours = [code for code in comment.codes or () if code.startswith("XE") and code != UNUSED_NOQA.code]
        unused = [code for code in dict.fromkeys(ours) if code not in comment.used and _can_be_told(code, codes)]
        if unused:
            place = Place(source.path, comment.line, comment.start + 1, comment.line, comment.end + 1)
            unknown = [code for code in unused if code not in catalogue()]
            reason = f"there is no rule {', '.join(unknown)}" if unknown else "it silences nothing"
            yield Finding(
                UNUSED_NOQA.code,
                UNUSED_NOQA.severity,
                place,
                f"unused noqa of {', '.join(unused)}: {reason}",
                fix=Fix("remove it", (_removal(source, comment, unused),), safe=True),
            )


def _can_be_told(code: str, codes: frozenset[str]) -> bool:
    return code in codes or code not in catalogue()


def _removal(source: Source, comment: _Noqa, unused: list[str]) -> Edit:
    """Return the edit that takes codes out of a comment, and the comment with them where nothing else is in it."""
    line = source.lines[comment.line - 1]
    left = [code for code in comment.codes or () if code not in unused]
    start, end = comment.start, comment.end
    if left:
        replacement = f"# noqa: {', '.join(left)}"
    else:
        replacement = ""
        rest = line[end:].strip()
        if not rest or rest.startswith("#"):  # the whole comment, or up to the next one
            start = len(line[:start].rstrip()) if not rest else start
            end = len(line) if not rest else end + len(line[end:]) - len(line[end:].lstrip())
        else:
            replacement = "#"
    return Edit(Place(source.path, comment.line, start + 1, comment.line, end + 1), replacement)


class _Statements:
    """The lines on which a comment speaks of a place: of the place, and the ends of the statement around it."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def lines_of(self, place: Place) -> set[int]:
        lines = {place.line, place.end_line}
        return lines | set(self._innermost.get(place.line, ()))

    @cached_property
    def _innermost(self) -> dict[int, tuple[int, int]]:
        """The innermost statement of each line, by its own first and last line."""
        try:
            tree = parse(self._source)
        except SourceProblem:
            return {}
        spans = sorted(self._span(node) for node in ast.walk(tree) if isinstance(node, ast.stmt | ast.ExceptHandler))
        return {line: (start, end) for start, end in spans for line in range(start, end + 1)}

    def _span(self, node: ast.stmt | ast.ExceptHandler) -> tuple[int, int]:
        """Return the first and last line of a statement; of one with a body, of what comes before the body."""
        start = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])
        body = getattr(node, "body", None) or getattr(node, "cases", None)
        if not body:
            return start, node.end_lineno or node.lineno
        first = body[0].pattern if isinstance(body[0], ast.match_case) else body[0]
        decorators = getattr(first, "decorator_list", ())
        end = min([first.lineno, *(decorator.lineno for decorator in decorators)]) - 1
        while end > node.lineno and self._source.lines[end - 1].strip()[:1] in ("", "#"):
            end -= 1
        return start, max(node.lineno, end)
