"""Patterns of paths, as ``exclude`` and ``per-file-ignores`` have them."""

from __future__ import annotations

import os
import re
from functools import cache


def absolute(path: str) -> str:
    """Return a path from the root, without ``.`` and ``..``. Links stay as they are named."""
    return os.path.abspath(path)  # noqa: PTH100  # resolve() would follow them


def matches(path: str, pattern: str, root: str) -> bool:
    """Say whether a pattern names a file or a folder that holds it.

    ``*`` is any text but a slash, ``**`` any folders, ``?`` one letter, ``[ab]`` one of these. A pattern without a
    slash names files and folders at any depth, one with a slash is a path from ``root``, the folder of the settings.
    """
    relative = os.path.relpath(path, root).replace(os.sep, "/")
    return _expression(pattern).match(relative) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    trimmed = pattern.removeprefix("./").rstrip("/")
    anywhere = "/" not in trimmed
    return re.compile(("(?:.*/)?" if anywhere else "") + _translated(trimmed.lstrip("/")) + r"(?:/.*)?\Z", re.DOTALL)


def _translated(pattern: str) -> str:
    parts = []
    at = 0
    while at < len(pattern):
        if pattern.startswith("**/", at):
            parts.append("(?:.*/)?")
            at += 3
        elif pattern.startswith("**", at):
            parts.append(".*")
            at += 2
        elif pattern[at] == "*":
            parts.append("[^/]*")
            at += 1
        elif pattern[at] == "?":
            parts.append("[^/]")
            at += 1
        elif pattern[at] == "[" and (end := pattern.find("]", at + 2)) > 0:
            parts.append(_one_of(pattern[at + 1 : end]))
            at = end + 1
        else:
            parts.append(re.escape(pattern[at]))
            at += 1
    return "".join(parts)


def _one_of(letters: str) -> str:
    """Translate what is between brackets: letters and ranges of them, after a ``!`` what they are not."""
    negated = letters.startswith("!")
    letters = letters[negated:]
    chosen = ""
    while letters:
        if len(letters) > 2 and letters[1] == "-":
            low, high, letters = letters[0], letters[2], letters[3:]
            chosen += f"{re.escape(low)}-{re.escape(high)}" if low <= high else ""
        else:
            chosen += re.escape(letters[0])
            letters = letters[1:]
    if not chosen:
        return "[^/]" if negated else "(?!)"
    return f"[^/{chosen}]" if negated else f"[{chosen}]"
