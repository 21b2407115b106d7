"""The command line. Data goes to stdout, everything else to stderr.

Exit codes: 0 done, 1 a gate failed, 2 wrong use, 3 bad data. Nothing here imports NumPy before a command runs, so that
``xent --help`` answers at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from xent.errors import DataError, OptionError, XentError

if TYPE_CHECKING:
    from xent.audit import Outcome
    from xent.audit.engine import Progress
    from xent.audit.source import Source

GATE_FAILED, WRONG_USE, BAD_DATA = 1, 2, 3

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

        print(version("xent"))
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    pass


@app.command()
def audit(
    predictions: Annotated[
        Path | None,
        typer.Argument(
            show_default=False,
            help="Parquet, Arrow, Feather, CSV or NPZ with a row an example. Without it: the embedded UCI digits.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for report.html and policy.json.")] = Path("xent-audit"),
    logits: Annotated[
        str | None,
        typer.Option(show_default="logits", help="List column of logits, or the prefix of one column a class."),
    ] = None,
    probs: Annotated[
        str | None, typer.Option(help="The same for probabilities, if those are all you kept.", show_default=False)
    ] = None,
    label: Annotated[str, typer.Option(help="Column of class indices or names.")] = "label",
    split: Annotated[
        str | None,
        typer.Option(help="Column with 'calibration' and 'test'; without it, cross-fitting.", show_default=False),
    ] = None,
    slices: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            help="Column to slice by: COL, COL:q5 (quantile bins) or COL:18,65 (edges). Repeatable.",
            show_default=False,
        ),
    ] = None,
    weight: Annotated[str | None, typer.Option(help="Column of row weights.", show_default=False)] = None,
    ignore_index: Annotated[int, typer.Option(help="Label of rows to leave out.")] = -100,
    classes: Annotated[
        str | None,
        typer.Option(
            help="Class names in the order of the scores: a,b,c or @FILE with one a line.", show_default=False
        ),
    ] = None,
    target_recall: Annotated[
        float | None, typer.Option(show_default="0.99", help="Recall that each class's threshold must reach.")
    ] = None,
    target_precision: Annotated[
        float | None, typer.Option(show_default=False, help="Precision instead of a recall.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the cross-fit's halves and of simulated intervals.")] = 0,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            help="error, warning, or a condition such as 'ece>0.03'; exit code 1. Repeatable.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole result to stdout.")] = False,
) -> None:
    """Read a classifier's outputs: how good, how honest, what threshold, what is wrong."""
    given = {
        "predictions": None if predictions is None else predictions.name,
        "out": out.name,
        "logits": logits,
        "probs": probs,
        "label": label,
        "split": split,
        "slice": slices,
        "weight": weight,
        "ignore-index": ignore_index,
        "classes": classes,
        "target-recall": target_recall,
        "target-precision": target_precision,
        "seed": seed,
        "fail-on": fail_on,
    }
    with _clear_errors():
        outcome = _audit(predictions, out, {name: value for name, value in given.items() if value is not None})
    if as_json:
        json.dump(outcome.result, sys.stdout, indent=2, ensure_ascii=False, allow_nan=False)
        print()
    from xent.audit.summary import print_summary

    print_summary(outcome.result, out)
    gate = outcome.result["gate"]
    if gate is not None and not gate["passed"]:
        raise typer.Exit(GATE_FAILED)


def _audit(predictions: Path | None, out: Path, flags: dict[str, Any]) -> Outcome:
    if "logits" in flags and "probs" in flags:
        raise OptionError(
            "xent audit",
            "--logits and --probs must not both be given; got both",
            "say which of the two the numbers are",
        )
    if "target-recall" in flags and "target-precision" in flags:
        raise OptionError(
            "xent audit", "--target-recall and --target-precision must not both be given; got both", "run it twice"
        )
    from xent.audit import Condition, Options, SliceSpec, audit
    from xent.decisions.thresholds import Goal

    conditions = [Condition.parse(text) for text in flags.get("fail-on", [])]
    if "target-precision" in flags:
        goal = Goal("precision", flags["target-precision"])
    else:
        goal = Goal("recall", flags.get("target-recall", 0.99))
    specs = tuple(SliceSpec.parse(text) for text in flags.get("slice", []))
    source, specs = _source(predictions, flags, specs)
    options = Options(goal, specs, flags["ignore-index"], flags["seed"])
    with _progress() as progress:
        outcome = audit(source, options, fail_on=conditions, flags=flags, progress=progress)
    outcome.write(out)
    return outcome


def _source(predictions: Path | None, flags: dict[str, Any], specs: tuple[Any, ...]) -> tuple[Source, tuple[Any, ...]]:
    """Return the table, and the slices that are wanted of it."""
    if predictions is None:
        columns = [name for name in ("logits", "probs", "split", "weight", "classes", "slice") if name in flags]
        if columns:
            raise OptionError(
                "xent audit",
                f"--{columns[0]} must go with a file of predictions; got no file",
                "xent audit PREDICTIONS, or no option for the embedded digits",
            )
        from xent.audit import SliceSpec
        from xent.audit.embedded import digits

        return digits(flags["seed"]), (SliceSpec("ink"),)
    from xent.audit.readers import Columns, open_table

    columns_of_table = Columns(
        logits=flags.get("probs", flags.get("logits", "probs" if "probs" in flags else "logits")),
        kind="probs" if "probs" in flags else "logits",
        label=flags["label"],
        split=flags.get("split"),
        weight=flags.get("weight"),
        slices=tuple(spec.column for spec in specs),
        classes=_class_names(flags.get("classes")),
    )
    return open_table(predictions, columns_of_table), specs


def _class_names(text: str | None) -> tuple[str, ...] | None:
    """Read ``a,b,c`` or ``@FILE`` with one name a line."""
    if text is None:
        return None
    if not text.startswith("@"):
        return tuple(name.strip() for name in text.split(","))
    try:
        lines = Path(text[1:]).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError("xent audit", f"--classes {text} must be a readable text file; got {error}") from error
    return tuple(line.strip() for line in lines if line.strip())


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn a user's mistake into its message and exit code; anything else is a bug and keeps its traceback."""
    try:
        yield
    except XentError as error:
        _stop(str(error), WRONG_USE if isinstance(error, OptionError) else BAD_DATA)
    except ModuleNotFoundError as error:
        _stop(
            f"xent: this command must have {error.name}; it is not installed\n\nhint: pip install 'xent[audit]'",
            WRONG_USE,
        )
    except KeyboardInterrupt:
        _stop("xent: interrupted; nothing was written", 130)


def _stop(message: str, code: int) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show a bar on stderr while it is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} rows"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None)
        current = "reading"

        def report(step: str, done: int, total: int | None) -> None:
            nonlocal current
            if step != current:
                current = step
                bar.reset(task, description=step)
            bar.update(task, completed=done, total=total, description=step)

        yield report
