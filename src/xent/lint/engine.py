"""A run of the linter: files found, checked side by side, what is silenced left out, in an order that never changes."""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xent.errors import OptionError
from xent.lint.baseline import apply_baseline
from xent.lint.config import Config
from xent.lint.discover import discover
from xent.lint.finding import Finding, Place, SourceProblem
from xent.lint.notices import INTERNAL, UNREADABLE
from xent.lint.report import Report, ReportedFinding, reported
from xent.lint.source import Source, read, unsaved
from xent.lint.suppressions import silence

if TYPE_CHECKING:
    from xent.lint.analysis import Tree

#: Below so many files a second process costs more than it saves.
_FEW = 100
_CHUNK = 32


def lint_paths(paths: Sequence[str | os.PathLike[str]], config: Config | None = None, jobs: int = 1) -> Report:
    """Check files and folders for silent loss mistakes, and return what was found.

    Nothing of what is checked is imported or run. A file that cannot be checked gives a finding that says so, XE002.

    Parameters
    ----------
    paths
        Files, and folders whose ``.py``, ``.pyw`` and ``.ipynb`` files are taken; environments, caches and builds in
        them are left out.
    config
        The settings; by default every rule, and nothing excluded. Those of a pyproject.toml are
        ``xent.lint.config.load(paths)``.
    jobs
        Processes to work in. More than one starts new interpreters: a script then needs its ``if __name__ ==
        "__main__":``. The result is the same.

    Returns
    -------
    Report
        The findings in the order of files and lines, without those that the baseline knows.

    Raises
    ------
    OptionError
        A path or the baseline does not exist, or ``jobs`` is below 1.
    """
    config = config or Config()
    found = find([os.fspath(path) for path in paths], config)
    report = lint_files(found, config, jobs)
    return report if config.baseline_path is None else apply_baseline(report, config.baseline_path, found.files)


class Found(NamedTuple):
    """The files of a run, and the folders that could not be read."""

    files: list[str]
    problems: list[SourceProblem]


def find(paths: Sequence[str], config: Config) -> Found:
    """Return the files that a run checks."""
    return Found(*discover(paths, config.exclude, config.root))


def lint_files(found: Found, config: Config, jobs: int = 1, contents: Mapping[str, bytes] | None = None) -> Report:
    """Check files; ``contents`` stand for those of their files. The baseline is left to the caller."""
    if jobs < 1:
        raise OptionError("xent lint", f"--jobs must be at least 1; got {jobs}", "leave it out to take every core")
    findings: list[ReportedFinding] = []
    for problem in found.problems:
        if UNREADABLE.code in config.codes_for(problem.path):
            findings += reported([_unreadable(problem)], [], ())
    run = _Run(found.files, config, dict(contents or {}))
    if jobs == 1 or len(found.files) < _FEW:
        with unsaved(run.contents):
            tree = run.tree()
            for path in found.files:
                findings += _lint_file(tree, path, config)
    else:
        findings += _side_by_side(run, jobs)
    return Report(tuple(findings), len(found.files))


class _Run(NamedTuple):
    """What every process of a run must know."""

    files: list[str]
    config: Config
    contents: dict[str, bytes]

    def tree(self) -> Tree:
        from xent.lint.analysis import Tree

        return Tree(self.files)


def _lint_file(tree: Tree, path: str, config: Config) -> list[ReportedFinding]:
    """Check a file. Nothing that it holds can stop the run: what fails is a finding."""
    codes = config.codes_for(path)
    try:
        source = read(path)
    except SourceProblem as problem:
        return reported([_unreadable(problem)] if UNREADABLE.code in codes else [], [], ())
    try:
        findings = _findings(tree, source, codes)
    except SourceProblem as problem:
        findings = [_unreadable(problem)]
    except (RecursionError, MemoryError):
        findings = [_unreadable(SourceProblem(path, 1, "is nested too deeply to be followed"))]
    except Exception as error:
        return reported([_internal(path, error)] if INTERNAL.code in codes else [], [], ())
    return reported([finding for finding in findings if finding.code in codes], source.lines, source.cells)


def _findings(tree: Tree, source: Source, codes: frozenset[str]) -> list[Finding]:
    from xent.lint.analysis import check

    findings = [finding for finding in check(tree, source.path) if finding.code in codes]
    return silence(source, findings, codes)


def _unreadable(problem: SourceProblem) -> Finding:
    place = Place(problem.path, problem.line, 1, problem.line, 1)
    return Finding(UNREADABLE.code, UNREADABLE.severity, place, f"not checked: {problem.message}")


def _internal(path: str, error: BaseException | str) -> Finding:
    """Return the one line that says of a failure what its report needs: what, and where in xent."""
    if isinstance(error, str):
        what = error
    else:
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = " ".join(str(error).split())[:100]
        what = f"{type(error).__name__}{f': {text}' if text else ''} at {Path(last.filename).name}:{last.lineno}"
    place = Place(path, 1, 1, 1, 1)
    return Finding(INTERNAL.code, INTERNAL.severity, place, f"not checked: internal error, please report ({what})")


def _side_by_side(run: _Run, jobs: int) -> list[ReportedFinding]:
    """Check the files in several processes. One that dies is no end: its files are taken again, one at a time."""
    size = max(1, min(_CHUNK, len(run.files) // (4 * jobs)))
    chunks = [run.files[start : start + size] for start in range(0, len(run.files), size)]
    results = _in_processes(run, jobs, chunks)
    if not any(result is not None for result in results) and _in_processes(run, 1, [[]]) == [None]:
        raise OptionError(
            "xent lint", f"--jobs must be 1 where no process can be started; got {jobs}", "see stderr for the reason"
        )
    findings = []
    for chunk, result in zip(chunks, results, strict=True):
        if result is None:
            result = [finding for path in chunk for finding in _alone(run, path)]
        findings += result
    return findings


def _alone(run: _Run, path: str) -> list[ReportedFinding]:
    """Check one file in a process of its own, which it may take down with it."""
    [findings] = _in_processes(run, 1, [[path]])
    if findings is None:
        codes = run.config.codes_for(path)
        return reported([_internal(path, "the process died")] if INTERNAL.code in codes else [], [], ())
    return findings


def _in_processes(run: _Run, jobs: int, chunks: list[list[str]]) -> list[list[ReportedFinding] | None]:
    """Return the findings of each chunk, None where the process died. An interrupt ends all of them at once."""
    context = get_context("spawn")  # a fork of a process with threads may hang
    with _broken_pipes_raise():
        pool = ProcessPoolExecutor(jobs, context, _begin, (run, list(sys.path)))
        futures = []
        try:
            with suppress(BrokenProcessPool):
                for chunk in chunks:
                    futures.append(pool.submit(_lint_chunk, chunk))
            results = [_result(future) for future in futures]
        except BaseException:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    return results + [None] * (len(chunks) - len(results))


@contextmanager
def _broken_pipes_raise() -> Iterator[None]:
    """Let a pipe to a process that died be an error: the command has broken pipes end its own process."""
    if not hasattr(signal, "SIGPIPE") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGPIPE, before)


def _result(future: Future[list[ReportedFinding]]) -> list[ReportedFinding] | None:
    try:
        return future.result()
    except BrokenProcessPool:
        return None


_runs: list[tuple[_Run, Tree]] = []  # of a process that was started here: the one run it is for


def _begin(run: _Run, path: list[str]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process answers for all
    sys.path[:] = path
    _runs[:] = [(run, run.tree())]


def _lint_chunk(paths: list[str]) -> list[ReportedFinding]:
    [(run, tree)] = _runs
    with unsaved(run.contents):
        return [finding for path in paths for finding in _lint_file(tree, path, run.config)]


def default_jobs() -> int:
    """Return how many processes the machine has cores for."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
