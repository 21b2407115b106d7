"""``xent lint`` and ``xent rule``."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from xent.cli.streams import GATE_FAILED, clear_errors, no_output, print_out
from xent.errors import OptionError

if TYPE_CHECKING:
    from xent.lint.config import Config
    from xent.lint.engine import Found, Progress
    from xent.lint.report import Report

_STDIN = "-"


def lint(
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", show_default=False, help="Files and folders; - is standard input.")
    ],
    select: Annotated[
        list[str] | None,
        typer.Option(help="Rules to check: codes, beginnings of codes or ALL, by commas.", show_default="ALL"),
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="Rules to leave out.", show_default=False)] = None,
    per_file_ignores: Annotated[
        list[str] | None,
        typer.Option(help="Rules to leave out in some files: 'tests/**:XE5,XE601'. Repeatable.", show_default=False),
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Files and folders to leave out of folders, by commas: patterns.", show_default=False),
    ] = None,
    format: Annotated[str, typer.Option(help="text, concise, json, github or sarif.")] = "text",
    fail_on: Annotated[
        str | None,
        typer.Option(
            help="The least severity that gives exit code 1: error, warning, info or never.", show_default="warning"
        ),
    ] = None,
    statistics: Annotated[bool, typer.Option("--statistics", help="Count the findings of each rule.")] = False,
    baseline: Annotated[
        str | None, typer.Option(help="A file of known findings, which are left out.", show_default=False)
    ] = None,
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", help="Write what is found to the baseline, and stop.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended without changing what is computed.")
    ] = False,
    unsafe_fixes: Annotated[
        bool, typer.Option("--unsafe-fixes", help="With --fix or --diff: the other fixes too.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what --fix would change, and change nothing.")] = False,
    jobs: Annotated[
        int | None, typer.Option(help="Processes to work in.", show_default="one a core, for many files")
    ] = None,
    stdin_filename: Annotated[
        str | None, typer.Option(help="The path that standard input is said to have.", show_default=False)
    ] = None,
) -> None:
    """Find loss mistakes that train silently: softmax before a cross-entropy, and their like."""
    with clear_errors():
        from xent.lint.formats import FORMATS

        atexit.register(gc.freeze)  # or Python's last look for cycles, over every tree, takes as long as the run
        if format not in FORMATS:
            raise _wrong(
                f"--format must be {', '.join(FORMATS[:-1])} or {FORMATS[-1]}; got {format!r}", "text is usual"
            )
        if statistics and format in ("github", "sarif"):
            raise _wrong(f"--statistics must go with text, concise or json; got --format {format}", "leave one out")
        if unsafe_fixes and not (fix or diff):
            raise _wrong("--unsafe-fixes must go with --fix or --diff; got neither", "--diff shows what it would do")
        if write_baseline and (fix or diff):
            raise _wrong("--write-baseline must not go with --fix or --diff; got both", "mend first")
        contents = _stdin(paths, stdin_filename, fix)
        config = _config(list(contents) or paths, select, ignore, per_file_ignores, exclude, fail_on, baseline)
        found, jobs = _found(paths, contents, config), _jobs(jobs)
        if write_baseline:
            _write_baseline(found, config, jobs, contents)
        elif diff:
            failed = _show_fixes(found, config, jobs, unsafe_fixes, contents)
        else:
            report = _fixed(found, config, jobs, unsafe_fixes) if fix else _checked(found, config, jobs, contents)
            _show(report, format, statistics, unsafe_fixes)
            failed = any(config.fails(reported.finding.severity) for reported in report.findings)
    if not write_baseline and failed:
        raise typer.Exit(GATE_FAILED)


def rule(
    code: Annotated[str | None, typer.Argument(show_default="every rule, a line each", help="A code: XE101.")] = None,
    format: Annotated[str, typer.Option(help="text, json or markdown.")] = "text",
) -> None:
    """Explain a rule of the linter: what it finds, why it matters, a bad and a good program."""
    with clear_errors():
        from xent.lint.catalogue import catalogue, nearest
        from xent.lint.explain import as_json, as_markdown, as_text, list_as_markdown, list_as_text
        from xent.lint.formats.json import dump

        rules = catalogue()
        if format not in ("text", "json", "markdown"):
            raise OptionError("xent rule", f"--format must be text, json or markdown; got {format!r}", "text is usual")
        if code is not None and code.upper() not in rules:
            raise OptionError("xent rule", f"CODE must be that of a rule; got {code!r}", nearest(code))
        chosen = None if code is None else rules[code.upper()]
        if format == "json":
            text = dump([as_json(each) for each in rules.values()] if chosen is None else as_json(chosen))
        elif format == "markdown":
            text = list_as_markdown() if chosen is None else as_markdown(chosen)
        else:
            text = list_as_text() if chosen is None else as_text(chosen)
        _print(text, "xent rule")


def _wrong(problem: str, hint: str) -> OptionError:
    return OptionError("xent lint", problem, hint)


def _stdin(paths: list[str], name: str | None, fix: bool) -> dict[str, bytes]:
    """Return what standard input holds under the name it is said to have; nothing where files are checked."""
    if _STDIN not in paths:
        if name is not None:
            raise _wrong(
                f"--stdin-filename must go with -; got {' '.join(paths)}", f"xent lint - --stdin-filename {name}"
            )
        return {}
    if len(paths) > 1:
        raise _wrong("- must be the only PATH; got others", "check the files in another run")
    if fix:
        raise _wrong("--fix must go with files; got standard input", "--diff shows the edits")
    from xent.lint.source import LARGEST

    content = sys.stdin.buffer.read(LARGEST + 1) if sys.stdin is not None else b""
    return {os.path.normpath(name or "stdin.py"): content}


def _config(
    paths: Sequence[str],
    select: list[str] | None,
    ignore: list[str] | None,
    per_file_ignores: list[str] | None,
    exclude: list[str] | None,
    fail_on: str | None,
    baseline: str | None,
) -> Config:
    from xent.lint.config import load

    ignored: dict[str, tuple[str, ...]] = {}
    for text in per_file_ignores or ():
        pattern, colon, codes = text.rpartition(":")
        if not (pattern and colon):
            raise _wrong(f"--per-file-ignores must be PATTERN:CODES; got {text!r}", "'tests/**:XE5,XE601'")
        ignored[pattern] = (*ignored.get(pattern, ()), *_listed([codes]))
    return load(paths).over(
        _listed(select), _listed(ignore), ignored, _listed(exclude), fail_on=fail_on, baseline=baseline
    )


def _listed(texts: Sequence[str] | None) -> list[str]:
    return [part.strip() for text in texts or () for part in text.split(",") if part.strip()]


def _found(paths: list[str], contents: dict[str, bytes], config: Config) -> Found:
    from xent.lint.engine import Found, find

    found = Found(list(contents), []) if contents else find(paths, config)
    if not found.files:
        _say("no Python files found")
    return found


def _jobs(jobs: int | None) -> int:
    from xent.lint.engine import default_jobs

    if jobs is not None and jobs < 1:
        raise _wrong(f"--jobs must be at least 1; got {jobs}", "leave it out to take every core")
    return default_jobs() if jobs is None else jobs


def _checked(found: Found, config: Config, jobs: int, contents: dict[str, bytes]) -> Report:
    from xent.lint.baseline import apply_baseline
    from xent.lint.engine import lint_files

    gc.disable()  # the process ends with the run: nothing is left to be looked through
    with _progress() as progress:
        report = lint_files(found, config, jobs, contents, progress)
    return report if config.baseline_path is None else apply_baseline(report, config.baseline_path, found.files)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Count the files on stderr while it is a terminal; nothing of it stays."""
    shown = sys.stderr is not None and sys.stderr.isatty()
    last = monotonic()

    def report(done: int, total: int) -> None:
        nonlocal last
        if shown and monotonic() - last > 0.2:
            last = monotonic()
            _write(f"\r{done:,} of {total:,} files")

    try:
        yield report
    finally:
        if shown:
            _write("\r\x1b[K")


def _write(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def _fixed(found: Found, config: Config, jobs: int, unsafe: bool) -> Report:
    from xent.lint.fixes import mend, write

    mended = mend(found, config, jobs, unsafe)
    write(mended.contents, mended.before)
    if mended.n_fixes:
        _say(f"{_count(mended.n_fixes, 'finding')} mended in {_count(len(mended.contents), 'file')}")
    return mended.report


def _show_fixes(found: Found, config: Config, jobs: int, unsafe: bool, contents: dict[str, bytes]) -> bool:
    """Print what fixing would change and return whether there is anything."""
    from xent.lint.fixes import diff, mend
    from xent.lint.formats.terminal import printable

    mended = mend(found, config, jobs, unsafe, contents)
    text = diff(mended.contents, mended.before)
    if _is_terminal():  # a patch must have every letter as it is
        text = "".join(f"{printable(line.replace(chr(9), '    '))}\n" for line in text.splitlines())
    _print(text)
    _say(f"{_count(mended.n_fixes, 'finding')} would be mended in {_count(len(mended.contents), 'file')}")
    return bool(mended.contents)


def _write_baseline(found: Found, config: Config, jobs: int, contents: dict[str, bytes]) -> None:
    from xent.lint.baseline import write_baseline
    from xent.lint.engine import lint_files

    if config.baseline_path is None:
        raise _wrong("--write-baseline must go with --baseline FILE; got no file", "--baseline xent-baseline.json")
    n = write_baseline(lint_files(found, config, jobs, contents), config.baseline_path, found.files)
    _say(f"{_count(n, 'finding')} written to {config.baseline_path}")


def _show(report: Report, name: str, counted: bool, unsafe: bool) -> None:
    from xent.lint.formats import FORMATS, formatted, statistics

    [chosen] = [known for known in FORMATS if known == name]
    colour = _is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    _print(statistics(report, chosen) if counted else formatted(report, chosen, colour))
    if chosen in ("text", "concise"):
        _say(_summary(report, unsafe))


def _summary(report: Report, unsafe: bool) -> str:
    from xent.lint.fixes import fixable

    parts = [f"{_count(n, severity, severity != 'info')}" for severity, n in report.counts().items() if n]
    files = _count(report.n_files, "file")
    said = f"{', '.join(parts)} in {files}" if parts else f"no mistakes found in {files}"
    if report.n_known:
        said += f"; {report.n_known} more in the baseline"
    if report.gone:
        said += f"; {len(report.gone)} gone from the baseline, --write-baseline brings it up to date"
    safe = fixable(report, unsafe=False)
    rest = fixable(report, unsafe=True) - safe
    if safe:
        said += f"; --fix mends {safe}"
    if rest:
        said += f"; --diff --unsafe-fixes shows edits for {rest} more"
    return said


def _count(n: int, what: str, plural: bool = True) -> str:
    return f"{n} {what}{'s' if plural and n != 1 else ''}"


def _is_terminal() -> bool:
    return sys.stdout is not None and sys.stdout.isatty()


def _print(text: str, function: str = "xent lint") -> None:
    """Print to stdout; letters that its encoding does not have are escaped."""
    if sys.stdout is None:
        raise no_output(function, "a closed stream")
    encoding = sys.stdout.encoding or "utf-8"
    print_out(text.encode(encoding, "backslashreplace").decode(encoding), function)


def _say(text: str) -> None:
    from xent.lint.formats.terminal import printable

    with suppress(OSError):
        typer.echo(printable(text), err=True)
