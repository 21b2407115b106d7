"""``xent audit``."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xent.cli.streams import GATE_FAILED, WRONG_USE, clear_errors, no_output, print_out, stop
from xent.errors import DataError, OptionError, XentError

if TYPE_CHECKING:
    from xent.audit import Outcome, SliceSpec
    from xent.audit.source import Progress, Source


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
    label: Annotated[str | None, typer.Option(show_default="label", help="Column of class indices or names.")] = None,
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
    confidence: Annotated[
        float | None,
        typer.Option(
            show_default=False, help="Promise the goal on new rows with this probability, all classes at once: 0.95."
        ),
    ] = None,
    calibrator: Annotated[
        str,
        typer.Option(
            help="temperature, ensemble, structured, vector, matrix, dirichlet, platt, quadratic, beta or isotonic; "
            "auto: what cross-validated log loss chooses."
        ),
    ] = "temperature",
    unknowns: Annotated[
        Path | None,
        typer.Option(show_default=False, help="A table of inputs that belong to no class: are they told apart?"),
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
        "confidence": confidence,
        "calibrator": calibrator,
        "unknowns": None if unknowns is None else unknowns.name,
        "seed": seed,
        "fail-on": fail_on,
    }
    with clear_errors():
        if as_json and sys.stdout is None:
            raise no_output("xent audit", "a closed stream")
        flags = {name: value for name, value in given.items() if value is not None}
        result = _audit(predictions, unknowns, out, flags).result
        if as_json:
            _print_json(result)
        from xent.audit.summary import print_summary

        with suppress(OSError):  # the files are there; a lost stderr changes nothing about what was found
            print_summary(result, out)
    gate = result["gate"]
    if gate is not None and not gate["passed"]:
        raise typer.Exit(GATE_FAILED)


def _audit(predictions: Path | None, unknowns: Path | None, out: Path, flags: dict[str, Any]) -> Outcome:
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
    from xent.audit import Condition, Options, SliceSpec, audit, check_out
    from xent.decisions.thresholds import Goal

    conditions = [Condition.parse(text) for text in flags.get("fail-on", [])]
    with _as_flag("target-precision" if "target-precision" in flags else "target-recall"):
        if "target-precision" in flags:
            goal = Goal("precision", flags["target-precision"])
        else:
            goal = Goal("recall", flags.get("target-recall", 0.99))
    with _as_flag("confidence"):
        goal = replace(goal, confidence=flags.get("confidence"))
    _check_text(flags)
    specs = tuple(SliceSpec.parse(text) for text in flags.get("slice", []))
    if predictions is None:
        _refuse_columns(flags)
        specs = (SliceSpec("ink"),)
    with _as_flag():
        options = Options(goal, specs, flags["ignore-index"], flags["seed"], calibrator=flags["calibrator"])
    classes = _class_names(flags.get("classes"))
    _check_kernels()
    check_out(out)
    source = _source(predictions, flags, specs, classes)
    others = None if unknowns is None else _open(unknowns, flags)
    with _progress() as progress:
        outcome = audit(source, options, unknowns=others, fail_on=conditions, flags=flags, progress=progress)
    outcome.write(out)
    return outcome


def _check_text(flags: dict[str, Any]) -> None:
    """Check that what the report will quote can be written: other bytes reach Python as halves of characters."""
    for name, value in flags.items():
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and any("\ud800" <= c <= "\udfff" for c in text):
                what = "PREDICTIONS" if name == "predictions" else f"--{name}"
                raise OptionError("xent audit", f"{what} must be UTF-8 text; got {text!r}", "rename it")


def _check_kernels() -> None:
    """Check the environment variables that choose kernels, which are an option of this command too."""
    from xent.kernels import describe

    try:
        describe()
    except (ValueError, ImportError) as error:
        stop(str(error), WRONG_USE)


@contextmanager
def _as_flag(flag: str | None = None) -> Iterator[None]:
    """Let an option's error speak of the flag that set it: by default the one of the option's name."""
    try:
        yield
    except OptionError as error:
        argument, _, rest = error.problem.partition(" ")
        raise OptionError("xent audit", f"--{flag or argument.replace('_', '-')} {rest}", error.hint) from None


def _refuse_columns(flags: dict[str, Any]) -> None:
    columns = ("logits", "probs", "label", "split", "weight", "classes", "slice")
    given = [name for name in columns if name in flags]
    if given:
        raise OptionError(
            "xent audit",
            f"--{given[0]} must go with a file of predictions; got no file",
            "xent audit PREDICTIONS, or no option for the embedded digits",
        )


def _source(
    predictions: Path | None,
    flags: dict[str, Any],
    specs: tuple[SliceSpec, ...],
    classes: tuple[str, ...] | None,
) -> Source:
    """Return the table."""
    if predictions is None:
        from xent.audit.embedded import digits

        return digits(flags["seed"] % 2**32)  # scikit-learn's seeds have 32 bits
    return _open(
        predictions,
        flags,
        label=flags.get("label", "label"),
        split=flags.get("split"),
        weight=flags.get("weight"),
        slices=tuple(spec.column for spec in specs),
        classes=classes,
    )


def _open(path: Path, flags: dict[str, Any], label: str | None = None, **columns: Any) -> Source:
    """Open a table of the scores that the flags speak of."""
    from xent.audit.readers import Columns, open_table

    kind: Literal["logits", "probs"] = "probs" if "probs" in flags else "logits"
    return open_table(path, Columns(logits=flags.get(kind, kind), kind=kind, label=label, **columns))


def _class_names(text: str | None) -> tuple[str, ...] | None:
    """Read ``a,b,c`` or ``@FILE`` with one name a line."""
    if text is None:
        return None
    if not text.startswith("@"):
        names = tuple(name.strip() for name in text.split(","))
        _check_class_names(names, "--classes", OptionError)
        return names
    rule, hint = f"--classes {text} must be a readable text file; got", "after the @ comes a file with one name a line"
    try:
        lines = Path(text[1:]).read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise DataError("xent audit", f"{rule} {error.strerror or error}", hint) from error
    except UnicodeDecodeError as error:
        raise DataError("xent audit", f"{rule} no UTF-8 text at byte {error.start}", hint) from error
    names = tuple(line.strip() for line in lines if line.strip())
    _check_class_names(names, f"--classes {text}", DataError)
    return names


def _check_class_names(names: tuple[str, ...], what: str, error: type[XentError]) -> None:
    hint = "give one name for every logit, in the order of the logits"
    if not all(names) or not names:
        raise error("xent audit", f"{what} must name every class; got an empty {'name' if names else 'file'}", hint)
    for name in names:
        if names.count(name) > 1:
            raise error("xent audit", f"{what} must name every class once; got {name!r} more than once", hint)


def _print_json(result: dict[str, Any]) -> None:
    text = json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(result, indent=2, allow_nan=False)
    print_out(text + "\n", "xent audit")


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
