"""The command line. Data goes to stdout, everything else to stderr.

Exit codes: 0 done, 1 a gate failed or a linter's findings, 2 wrong use, 3 bad data or an output that cannot be
written, 70 a bug: its traceback is shown. An interrupt gives 130. Who closes the pipe before all is read (``| head
-1``) ends the process quietly by SIGPIPE, 141 in a shell, when both files are written. Nothing but a gate and findings
give 1.

Nothing here imports NumPy before a command runs, so that ``xent --help`` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from xent.cli.audit import audit
from xent.cli.lint import lint, rule
from xent.cli.streams import clear_errors, print_out

app = typer.Typer(
    name="xent",
    help="From logits to decisions: losses, calibration, thresholds and audits of classifiers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        with clear_errors():
            print_out(version("xent") + "\n", "xent")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


app.command()(audit)
app.command()(lint)
app.command()(rule)
