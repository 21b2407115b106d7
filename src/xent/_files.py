"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path


def write_texts(folder: Path, texts: Mapping[str, str]) -> None:
    """Write each text to the file of its name, all of them or none.

    Every text goes to a temporary file first; only when all are on the disk are they renamed into place. A reader never
    sees half a file, and a full disk leaves the old ones as they were.
    """
    with ExitStack() as undo:
        written = []
        for name, text in texts.items():
            handle, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".part", dir=folder)
            undo.callback(Path(temporary).unlink)
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(0o666 & ~_umask())  # mkstemp gives 0600; a report is an ordinary file
            written.append((Path(temporary), folder / name))
        undo.pop_all()
    for temporary_path, path in written:
        temporary_path.replace(path)


def _umask() -> int:
    """Return the umask, which can only be read by setting it."""
    current = os.umask(0o077)
    os.umask(current)
    return current
