"""What every command shares: its exit codes, how it prints, how it stops."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import typer

from xent.errors import DataError, OptionError, XentError

GATE_FAILED, WRONG_USE, BAD_DATA, BUG = 1, 2, 3, 70


def print_out(text: str, function: str) -> None:
    """Print to stdout, all of it now."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as error:
        raise no_output(function, error.strerror or str(error)) from error


def no_output(function: str, got: str) -> DataError:
    """Return the error of a stdout that cannot be written."""
    return DataError(function, f"stdout must be writable; got {got}", "send it to another place, or make room")


@contextmanager
def clear_errors() -> Iterator[None]:
    """Turn a user's mistake into its message and exit code; anything else is a bug and keeps its traceback.

    A bug must not get away from here: of some exceptions (EOFError, EPIPE) typer makes exit code 1.
    """
    try:
        yield
    except typer.Exit:
        raise
    except XentError as error:
        stop(str(error), WRONG_USE if isinstance(error, OptionError) else BAD_DATA)
    except KeyboardInterrupt:
        stop("xent: interrupted; nothing was written", 130)
    except Exception as error:
        missing = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
        if missing not in ("", "xent"):
            stop(
                f"xent: this command must have {missing}; it is not installed\n\nhint: pip install 'xent[audit]'",
                WRONG_USE,
            )
        stop(traceback.format_exc().rstrip(), BUG)


def stop(message: str, code: int) -> NoReturn:
    """Say why on stderr and end with an exit code."""
    with suppress(OSError):
        typer.echo(message, err=True)
    raise typer.Exit(code)
