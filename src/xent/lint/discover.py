"""Which files a run checks: those that are named, and those in the folders that are named."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from xent.errors import OptionError
from xent.lint.finding import SourceProblem
from xent.lint.patterns import absolute, matches

#: The endings of the files that are taken from a folder.
ENDINGS = (".py", ".pyw", ".ipynb")

#: Folders that hold no source of the project's own.
_LEFT_OUT = {
    *(".git", ".hg", ".svn", ".tox", ".nox", ".eggs", ".venv", "venv", "node_modules", "site-packages"),
    *("__pycache__", "__pypackages__", ".ipynb_checkpoints", ".mypy_cache", ".pytest_cache", ".ruff_cache"),
    *("build", "dist"),
}


def discover(
    paths: Sequence[str], exclude: Sequence[str] = (), root: str | None = None
) -> tuple[list[str], list[SourceProblem]]:
    """Return the files to check, each once, as they shall be printed, and the folders that cannot be read.

    A file that is named is taken whatever its name and whatever is excluded; a folder is walked in the order of names.
    ``exclude`` are patterns against ``root``. Links to folders are not followed, so that no walk is endless.

    Raises
    ------
    OptionError
        A path does not exist.
    """
    root = absolute(root or os.curdir)
    files: dict[str, str] = {}
    problems: list[SourceProblem] = []
    for path in paths:
        if not Path(path).exists():
            raise OptionError("xent lint", f"PATH must exist; got {path!r}", "check the spelling and the folder")
        found = _walk(path, exclude, root, problems) if Path(path).is_dir() else iter([path])
        for file in found:
            files.setdefault(absolute(file), os.path.normpath(file))
    return list(files.values()), problems


def _walk(folder: str, exclude: Sequence[str], root: str, problems: list[SourceProblem]) -> Iterator[str]:
    waiting = [folder]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            problems.append(SourceProblem(os.path.normpath(folder), 1, f"cannot be read: {error.strerror or error}"))
            continue
        folders = []
        for entry in entries:
            path = entry.path if folder != os.curdir else entry.name
            if entry.is_dir(follow_symlinks=False):
                if not _is_left_out(entry) and not is_excluded(path, exclude, root):
                    folders.append(path)
            elif entry.name.endswith(ENDINGS) and entry.is_file() and not is_excluded(path, exclude, root):
                yield path
        waiting += reversed(folders)


def _is_left_out(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    return name in _LEFT_OUT or name.endswith(".egg-info") or Path(entry.path, "pyvenv.cfg").exists()


def is_excluded(path: str, exclude: Sequence[str], root: str) -> bool:
    """Say whether one of the patterns names a path."""
    return any(matches(path, pattern, root) for pattern in exclude)
