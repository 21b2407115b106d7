"""The baseline: findings that are known and do not make a run fail."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xent._files import write_files
from xent.errors import DataError, OptionError
from xent.lint.report import Gone, Report, ReportedFinding

_SCHEMA = "xent.lint.baseline/1"


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    """A known finding. The path is seen from the baseline's folder, so that a run from any folder finds it."""

    path: str
    code: str
    fingerprint: str
    text: str


def apply_baseline(report: Report, file: Path, files: Iterable[str]) -> Report:
    """Return a report without the findings that the baseline knows, and with those of its that are gone.

    Of files that the run did not look at nothing is said, unless they are there no more.

    Raises
    ------
    OptionError
        There is no such file, or it is no baseline.
    """
    known = Counter((entry.path, entry.code, entry.fingerprint) for entry in _read(file))
    left = []
    for reported in report.findings:
        key = _key(reported, file)
        if known[key]:
            known[key] -= 1
        else:
            left.append(reported)
    looked_at = {_relative(path, file) for path in files}
    gone = tuple(
        Gone(_shown(entry.path, file), entry.code, entry.text)
        for entry in _read(file)
        if known[entry.path, entry.code, entry.fingerprint]
        and (entry.path in looked_at or not _there(entry.path, file))
    )
    return replace(report, findings=tuple(left), n_known=len(report.findings) - len(left), gone=gone)


def write_baseline(report: Report, file: Path, files: Iterable[str]) -> int:
    """Write a report's findings as the baseline and return how many it holds.

    What an earlier one knows of files that this run did not look at stays.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    looked_at = {_relative(path, file) for path in files}
    before = _read(file) if file.exists() else []
    entries = [entry for entry in before if entry.path not in looked_at and _there(entry.path, file)]
    for reported in report.findings:
        entries.append(_Entry(*_key(reported, file), reported.source_line.strip()[:200]))
    findings = [
        {"path": entry.path, "code": entry.code, "fingerprint": entry.fingerprint, "text": entry.text}
        for entry in sorted(entries)
    ]
    content = json.dumps({"schema": _SCHEMA, "findings": findings}, indent=2) + "\n"
    try:
        write_files(file.parent, {file.name: content})
    except OSError as error:
        raise DataError(
            "xent lint",
            f"--baseline {file} must be writable; got {error.strerror or error}",
            "name a file in a folder that is there",
        ) from error
    return len(entries)


def _read(file: Path) -> list[_Entry]:
    try:
        content: Any = json.loads(file.read_text("utf-8"))
        if content["schema"] != _SCHEMA:
            raise ValueError(f"its schema is {content['schema']!r}, not {_SCHEMA}")
        entries = [
            _Entry(*(str(found[name]) for name in ("path", "code", "fingerprint", "text")))
            for found in content["findings"]
        ]
    except FileNotFoundError:
        raise OptionError(
            "xent lint", f"--baseline {file} must exist; got no file", "--write-baseline makes it"
        ) from None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise OptionError(
            "xent lint", f"--baseline {file} must be a baseline; got: {reason}", "--write-baseline makes it anew"
        ) from None
    return entries


def _key(reported: ReportedFinding, file: Path) -> tuple[str, str, str]:
    finding = reported.finding
    return _relative(finding.place.path, file), finding.code, reported.fingerprint


def _relative(path: str, file: Path) -> str:
    return os.path.relpath(path, file.parent).replace(os.sep, "/")


def _there(path: str, file: Path) -> bool:
    return Path(file.parent, path).exists()


def _shown(path: str, file: Path) -> str:
    return os.path.relpath(Path(file.parent, path).absolute())
