"""The audit: from a table of a classifier's outputs to scores, calibration, thresholds, findings, report and policy.

>>> from xent.audit import audit, Options
>>> from xent.audit.embedded import digits
>>> outcome = audit(digits(), Options())
>>> outcome.result["design"]["score_rows"]
540
"""

from __future__ import annotations

import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from xent._files import check_folder, write_files
from xent.audit import checks, engine, findings, gate, review
from xent.audit import result as results
from xent.audit.engine import no_progress
from xent.audit.gate import Condition
from xent.audit.options import Options, SliceSpec
from xent.audit.source import Progress, Source
from xent.decisions.policy import Policy
from xent.errors import DataError
from xent.kernels import describe

__all__ = ["Condition", "Options", "Outcome", "SliceSpec", "audit", "check_out"]

REPORT, POLICY = "report.html", "policy.json"


@dataclass(frozen=True)
class Outcome:
    """What an audit gives: ``result`` (docs/reference/audit-result.md), and the ``policy`` for deployment."""

    result: dict[str, Any]
    policy: Policy

    def write(self, out: Path) -> None:
        """Write ``report.html`` and ``policy.json`` into a folder, both or neither.

        Raises
        ------
        DataError
            The folder cannot be made or written.
        """
        from xent.audit.report import render

        page = render(self.result)
        try:
            write_files(out, {REPORT: page, POLICY: self.policy.to_json()}, make=True)
        except OSError as error:
            raise _no_folder(out, error) from error


def check_out(out: Path) -> None:
    """Check that :meth:`Outcome.write` will be able to write into a folder, which need not be there yet.

    Raises
    ------
    DataError
        The folder cannot be made or written.
    """
    try:
        check_folder(out, (REPORT, POLICY))
    except OSError as error:
        raise _no_folder(out, error) from error


def _no_folder(out: Path, error: OSError) -> DataError:
    return DataError(
        "xent audit",
        f"--out {out} must be a folder that can be written; got {error.strerror or error}",
        "name another folder with --out, or make room",
    )


def audit(
    source: Source,
    options: Options | None = None,
    *,
    unknowns: Source | None = None,
    fail_on: Sequence[Condition] = (),
    flags: dict[str, Any] | None = None,
    progress: Progress = no_progress,
) -> Outcome:
    """Audit a classifier's outputs.

    Parameters
    ----------
    source
        The table: :func:`xent.audit.readers.open_table` of a file, or :class:`xent.audit.readers.ArraySource` of
        arrays.
    options
        Goal of the thresholds, calibrator, slices, ignore_index, seed, bins.
    unknowns
        A second table, of inputs that belong to no class; its labels are not looked at.
    fail_on
        Conditions of the gate.
    flags
        What the caller was asked to do, for the report's provenance.
    progress
        Called after each batch with the step's name, the rows done and the rows in all (None: unknown).

    Returns
    -------
    An :class:`Outcome`.

    Raises
    ------
    DataError
        The table cannot be read, or holds nothing that can be audited.
    """
    options = options or Options()
    started = time.perf_counter()
    measured = engine.run(source, options, progress, unknowns)
    names = source.description.class_names or tuple(str(k) for k in range(measured.n_classes))
    result = results.build(measured, names)
    result["xent_version"] = version("xent")
    result["checks"] = checks.checks(measured)
    result["findings"] = findings.find(measured, result)
    result["review"] = review.answers(measured, result)
    result["definitions"] = review.definitions(result)
    result["gate"] = gate.check(fail_on, result)
    result["files"] = {"report": REPORT, "policy": POLICY}
    result["provenance"] = {
        "versions": _versions(),
        "kernels": describe(),
        "flags": flags or {},
        "seconds": round(time.perf_counter() - started, 2),
        "platform": f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
    }
    return Outcome(result, results.policy(measured, names))


def _versions() -> dict[str, str]:
    found = {}
    for name in ("xent", "numpy", "scipy", "scikit-learn", "pyarrow"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
