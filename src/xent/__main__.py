"""The command ``xent``, also ``python -m xent``. Its exit codes are those of :mod:`xent.cli`."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from contextlib import suppress
from typing import TextIO


def main() -> None:
    """Run the command line, or say what it needs."""
    if hasattr(signal, "SIGPIPE"):  # who has read enough (xent … | head -1) ends this process, as other programs
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    code = _run()
    problem = _close(sys.stdout)
    if problem is not None and not code:
        code = _unwritten(problem)
    _close(sys.stderr)
    sys.exit(code)


def _run() -> int:
    try:
        from xent.cli import app

        app()
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 0
    except Exception as error:
        missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
        if missing in ("typer", "rich"):
            _say(f"xent: the command line must have {missing}; it is not installed\n\nhint: pip install 'xent[audit]'")
            return 2
        if isinstance(error, OSError) and error.filename is None:  # the help's: a command answers for itself
            return _unwritten(error)
        _say(traceback.format_exc())
        return 70
    return 0


def _unwritten(error: OSError) -> int:
    _say(
        f"xent: stdout must be writable; got {error.strerror or error}\n\nhint: send it to another place, or make room"
    )
    return 3


def _say(message: str) -> None:
    if sys.stderr is not None:
        with suppress(OSError):
            print(message, file=sys.stderr)


def _close(stream: TextIO | None) -> OSError | None:
    """Write what is left in a stream; where that fails throw it away, or Python tries again and exits with 120."""
    if stream is None:
        return None
    try:
        stream.flush()
    except OSError as error:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
        return error
    return None


if __name__ == "__main__":
    main()
