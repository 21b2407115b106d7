"""The command ``xent``, also ``python -m xent``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        from xent.cli import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(
            f"xent: the command line must have {error.name}; it is not installed\n\nhint: pip install 'xent[audit]'"
        )
    app()


if __name__ == "__main__":
    main()
