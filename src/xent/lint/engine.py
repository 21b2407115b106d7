"""A run of the linter: files found, checked side by side, what is silenced left out, in an order that never changes."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xent.errors import OptionError
from xent.lint.baseline import apply_baseline
from xent.lint.config import Config
from xent.lint.discover import discover, is_excluded
from xent.lint.finding import Finding, Place, SourceProblem
from xent.lint.formats.terminal import printable
from xent.lint.notices import INTERNAL, UNREADABLE
from xent.lint.report import Report, ReportedFinding, reported
from xent.lint.source import Source, parse, read, unsaved
from xent.lint.suppressions import may_have_noqa, silence

if TYPE_CHECKING:
    from concurrent.futures import Future

    from xent.lint.analysis import Analysis

#: Below so many files a second process costs more than it saves.
_FEW = 100
_CHUNK = 32
#: After so many characters an analysis begins anew: it keeps all trees, which take fifty times the text.
_FORGET = 12_000_000


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


#: Told how many files of how many are checked.
Progress = Callable[[int, int], None]


def lint_files(
    found: Found,
    config: Config,
    jobs: int = 1,
    contents: Mapping[str, bytes] | None = None,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Check files; ``contents`` stand for those of their files. The baseline is left to the caller."""
    if jobs < 1:
        raise OptionError("xent lint", f"--jobs must be at least 1; got {jobs}", "leave it out to take every core")
    run = _Run(found.files, config, dict(contents or {}))
    if jobs == 1 or len(found.files) < _FEW:
        checker = _Checker(run)
        with unsaved(run.contents), _few_collections():
            checked = []
            for path in found.files:
                checked.append(checker.check(path))
                progress(len(checked), len(found.files))
    else:
        checked = _side_by_side(run, jobs, progress)
    checked += [_Checked(problem.path, [_unreadable(problem)], False) for problem in found.problems]
    return Report(tuple(_reported(run, checked)), len(found.files))


class _Run(NamedTuple):
    """What every process of a run must know."""

    files: list[str]
    config: Config
    contents: dict[str, bytes]

    def analysis(self) -> Analysis:
        """Return an analysis that follows imports up to the folder of the settings."""
        from xent.lint.analysis import Analysis
        from xent.lint.project import Tree

        tree = Tree(read, [self.config.root])
        for path in self.files:
            tree.name_path(path)
        return Analysis(tree)


class _Checked(NamedTuple):
    """What the check of a file gave. A finding may stand in a file that it imports."""

    path: str
    findings: list[Finding]
    has_noqa: bool


class _Checker:
    """Checks file after file. Nothing that they hold can stop it: what fails is a finding."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._analysis: Analysis | None = None

    def check(self, path: str) -> _Checked:
        try:
            source = read(path)
        except SourceProblem as problem:
            return _Checked(path, [_unreadable(problem)], False)
        has_noqa = may_have_noqa(source)
        try:
            return _Checked(path, self._findings(source), has_noqa)
        except SourceProblem as problem:
            return _Checked(path, [_unreadable(problem)], has_noqa)
        except (RecursionError, MemoryError):
            finding = _unreadable(SourceProblem(path, 1, "is nested too deeply to be followed"))
        except Exception as error:
            finding = _internal(path, error)
        self._forget()  # what it knew may be half of it
        return _Checked(path, [finding], has_noqa)

    def _findings(self, source: Source) -> list[Finding]:
        if self._analysis is None:
            self._analysis = self._run.analysis()
        if not self._analysis.looks_at(source):
            if not self._analysis.tree.knows(source.path):
                parse(source)  # only to say so where it is broken
            return []
        if self._analysis.tree.n_characters > _FORGET:
            self._forget()
            self._analysis = self._run.analysis()
        return self._analysis.check(source.path)

    def _forget(self) -> None:
        if self._analysis is not None:
            self._analysis.tree.forget()
            self._analysis = None
            gc.collect()


def _reported(run: _Run, checked: Iterable[_Checked]) -> list[ReportedFinding]:
    """Sort findings by the file that they stand in, each once, and leave out what is ignored or silenced there."""
    found: dict[str, dict[tuple[Place, str], Finding]] = {path: {} for path in run.files}
    looked_at = set(found)
    has_noqa = set()
    elsewhere = []
    for each in checked:
        if each.has_noqa:
            has_noqa.add(each.path)
        for finding in each.findings:
            if finding.place.path == each.path:
                found.setdefault(each.path, {}).setdefault((finding.place, finding.code), finding)
            else:
                elsewhere.append(finding)
    for finding in elsewhere:  # what a file says of itself comes first
        found.setdefault(finding.place.path, {}).setdefault((finding.place, finding.code), finding)
    done = []
    with unsaved(run.contents):
        for path, findings in found.items():
            known = path in looked_at or not is_excluded(path, run.config.exclude, run.config.root)
            if known and (findings or path in has_noqa):
                done += _of_file(path, list(findings.values()), run)
    return done


def _of_file(path: str, findings: list[Finding], run: _Run) -> list[ReportedFinding]:
    config = run.config
    codes = config.codes_for(path)
    findings = [finding for finding in findings if finding.code in codes]
    try:
        source = read(path)
    except SourceProblem:
        return reported(findings, [], ())
    findings = silence(source, findings, codes)
    return reported(findings, source.lines, source.cells)


def _unreadable(problem: SourceProblem) -> Finding:
    place = Place(problem.path, problem.line, 1, problem.line, 1)
    return Finding(UNREADABLE.code, UNREADABLE.severity, place, f"not checked: {problem.message}")


def _internal(path: str, error: BaseException | str) -> Finding:
    """Return the one line that says of a failure what its report needs: what, and where in xent."""
    if isinstance(error, str):
        what = error
    else:
        last = traceback.extract_tb(error.__traceback__)[-1]
        text = printable(" ".join(str(error).split())[:100])
        what = f"{type(error).__name__}{f': {text}' if text else ''} at {Path(last.filename).name}:{last.lineno}"
    place = Place(path, 1, 1, 1, 1)
    return Finding(INTERNAL.code, INTERNAL.severity, place, f"not checked: internal error, please report ({what})")


def _side_by_side(run: _Run, jobs: int, progress: Progress) -> list[_Checked]:
    """Check the files in several processes. One that dies is no end: its files are taken again, one at a time."""
    size = max(1, min(_CHUNK, len(run.files) // (4 * jobs)))
    chunks = [run.files[start : start + size] for start in range(0, len(run.files), size)]
    results = _in_processes(run, jobs, chunks, progress)
    if not any(result is not None for result in results) and _in_processes(run, 1, [[]]) == [None]:
        raise OptionError(
            "xent lint", f"--jobs must be 1 where no process can be started; got {jobs}", "see stderr for the reason"
        )
    checked = []
    for chunk, result in zip(chunks, results, strict=True):
        checked += [_alone(run, path) for path in chunk] if result is None else result
    return checked


def _alone(run: _Run, path: str) -> _Checked:
    """Check one file in a process of its own, which it may take down with it."""
    [result] = _in_processes(run, 1, [[path]])
    return _Checked(path, [_internal(path, "the process died")], False) if result is None else result[0]


def _in_processes(
    run: _Run, jobs: int, chunks: list[list[str]], progress: Progress = lambda done, total: None
) -> list[list[_Checked] | None]:
    """Return the findings of each chunk, None where the process died. An interrupt ends all of them at once."""
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    context = get_context("spawn")  # a fork of a process with threads may hang
    with _broken_pipes_raise():
        pool = ProcessPoolExecutor(jobs, context, _begin, (run, list(sys.path)))
        futures: list[Future[list[_Checked]]] = []
        results: list[list[_Checked] | None] = []
        try:
            with suppress(BrokenProcessPool):
                for chunk in chunks:
                    futures.append(pool.submit(_lint_chunk, chunk))
            for future in futures:
                results.append(_result(future))
                progress(sum(map(len, chunks[: len(results)])), len(run.files))
        except BaseException:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
    return results + [None] * (len(chunks) - len(results))


@contextmanager
def _few_collections() -> Iterator[None]:
    """Look for garbage cycles only between analyses: to go over so large trees takes longer than all else."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


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


def _result(future: Future[list[_Checked]]) -> list[_Checked] | None:
    from concurrent.futures.process import BrokenProcessPool

    try:
        return future.result()
    except BrokenProcessPool:
        return None


_runs: list[tuple[_Run, _Checker]] = []  # of a process that was started here: the one run it is for


def _begin(run: _Run, path: list[str]) -> None:
    gc.disable()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process answers for all
    sys.path[:] = path
    atexit.register(gc.freeze)  # or the last look for cycles goes over every tree
    _runs[:] = [(run, _Checker(run))]


def _lint_chunk(paths: list[str]) -> list[_Checked]:
    [(run, checker)] = _runs
    with unsaved(run.contents):
        return [checker.check(path) for path in paths]


def default_jobs() -> int:
    """Return how many processes the machine has cores for."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
