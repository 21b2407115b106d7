"""Writing files whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path


def write_files(folder: Path, contents: Mapping[str, str | bytes], make: bool = False) -> None:
    """Write each content to the file of its name, text as UTF-8, all of them or none; ``make`` makes the folder too.

    Everything goes to a temporary file first; only when all are on the disk are they renamed into place, and whatever
    goes wrong then, the renamed ones are taken back. A reader never sees half a file, and a full disk leaves the old
    ones, and no folder that was made in vain.
    """
    with ExitStack() as undo:
        if make:
            _make(folder, undo)
        _check_places(folder, contents)
        written = []
        for name, content in contents.items():
            temporary = _beside(folder, "part")
            undo.callback(temporary.unlink, missing_ok=True)
            with temporary.open("xb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            written.append((temporary, folder / name))
        kept = []
        for temporary, path in written:
            old = _beside(folder, "old")
            undo.callback(_put_back, old, path, _keep(path, old))
            kept.append(old)
            temporary.replace(path)
        undo.pop_all()
    for old in kept:
        with suppress(OSError):
            old.unlink(missing_ok=True)


def check_folder(folder: Path, names: Iterable[str]) -> None:
    """Raise OSError where files of these names could not be written into a folder, made if need be.

    It is tried, with an empty file, for permissions alone do not tell; nothing of it stays.
    """
    with ExitStack() as undo:
        _make(folder, undo)
        _check_places(folder, names)
        probe = _beside(folder, "part")
        undo.callback(probe.unlink, missing_ok=True)
        probe.open("x").close()


def _make(folder: Path, undo: ExitStack) -> None:
    """Make a folder and its parents; ``undo`` removes again those that were not there, if they are empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        try:
            path.mkdir()
        except FileExistsError:  # made meanwhile, or a link to nothing
            if not path.is_dir():
                raise
        else:
            undo.callback(_remove_if_empty, path)
    if not folder.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))


def _remove_if_empty(folder: Path) -> None:
    with suppress(OSError):
        folder.rmdir()


def _check_places(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        if (folder / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, f"a directory in the place of {name or folder}", str(folder / name))


def _beside(folder: Path, suffix: str) -> Path:
    """Return a name in the folder that no file has. A file made under it gets the permissions that the umask leaves."""
    return folder / f".xent-{os.urandom(8).hex()}.{suffix}"


def _keep(path: Path, old: Path) -> bool:
    """Give the file at ``path``, if there is one, a second name; return whether there is one."""
    try:
        os.link(path, old, follow_symlinks=False)
    except FileNotFoundError:
        return False
    except (OSError, NotImplementedError):  # a file system without links: for a moment the first name is gone
        path.replace(old)
    return True


def _put_back(old: Path, path: Path, was_there: bool) -> None:
    if was_there:
        old.replace(path)
        old.unlink(missing_ok=True)  # where both are still names of one file, replace() does nothing
    else:
        path.unlink(missing_ok=True)
