"""The settings of a run: of the command line, over those of ``[tool.xent.lint]`` in pyproject.toml."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

from xent.errors import OptionError
from xent.lint.catalogue import ALL, check_selectors, matching, selected
from xent.lint.finding import SEVERITIES, Severity
from xent.lint.patterns import absolute, matches

FailOn = Literal["error", "warning", "info", "never"]


@dataclass(frozen=True)
class Config:
    """What a run checks, what it leaves out, and what makes it fail.

    A selector is a code (``XE101``), the beginning of some (``XE1``) or ``ALL``; the longer one decides. Patterns and
    ``baseline`` are paths from ``root``, by default the current folder.

    Raises
    ------
    OptionError
        A selector names no rule, or ``fail_on`` is no severity.
    """

    select: tuple[str, ...] = (ALL,)
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    fail_on: FailOn = "warning"
    baseline: str | None = None
    root: str = ""

    def __post_init__(self) -> None:
        check_selectors(self.select, "select")
        check_selectors(self.ignore, "ignore")
        for pattern, codes in self.per_file_ignores.items():
            check_selectors(codes, f"per-file-ignores of {pattern!r}")
        _check_fail_on(self.fail_on, "fail-on")
        object.__setattr__(self, "root", absolute(self.root or os.curdir))

    @cached_property
    def codes(self) -> frozenset[str]:
        """The codes of the rules that are selected and not ignored."""
        return selected(self.select, self.ignore)

    def codes_for(self, path: str) -> frozenset[str]:
        """Return the codes that hold in a file."""
        codes = self.codes
        for pattern, ignored in self.per_file_ignores.items():
            if matches(path, pattern, self.root):
                codes -= frozenset().union(*map(matching, ignored))
        return codes

    def fails(self, severity: Severity) -> bool:
        """Say whether a finding of this severity makes the run fail."""
        return self.fail_on != "never" and SEVERITIES.index(severity) <= SEVERITIES.index(self.fail_on)

    def over(
        self,
        select: Sequence[str] = (),
        ignore: Sequence[str] = (),
        per_file_ignores: Mapping[str, tuple[str, ...]] | None = None,
        exclude: Sequence[str] = (),
        fail_on: str | None = None,
        baseline: str | None = None,
    ) -> Config:
        """Return these settings with those of a command line over them.

        ``select`` starts anew: what the file ignores no longer counts. What else is a list adds to the file's.
        """
        check_selectors(select, "--select")
        check_selectors(ignore, "--ignore")
        for pattern, codes in (per_file_ignores or {}).items():
            check_selectors(codes, f"--per-file-ignores of {pattern!r}")
        return replace(
            self,
            select=tuple(select) or self.select,
            ignore=tuple(ignore) if select else (*self.ignore, *ignore),
            per_file_ignores={**self.per_file_ignores, **(per_file_ignores or {})},
            exclude=(*self.exclude, *exclude),
            fail_on=self.fail_on if fail_on is None else _check_fail_on(fail_on, "--fail-on"),
            baseline=self.baseline if baseline is None else absolute(baseline),
        )

    @property
    def baseline_path(self) -> Path | None:
        """Where the baseline is."""
        return None if self.baseline is None else Path(self.root, self.baseline)


def _check_fail_on(value: str, what: str) -> FailOn:
    for known in get_args(FailOn):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise OptionError(
        "xent lint", f"{what} must be {', '.join(get_args(FailOn)[:-1])} or never; got {value!r}", "warning is usual"
    )


def load(paths: Sequence[str]) -> Config:
    """Return the settings of the nearest pyproject.toml with ``[tool.xent.lint]`` at or above all paths, or none.

    Raises
    ------
    OptionError
        The table has an unknown key, or a value that it cannot have; or the file cannot be read.
    """
    for folder in _folders_above(paths):
        file = folder / "pyproject.toml"
        if file.is_file():
            table = _table(file)
            if table is not None:
                return _config(table, file)
    return Config()


def _folders_above(paths: Sequence[str]) -> list[Path]:
    try:
        common = Path(os.path.commonpath([absolute(path) for path in paths or [os.curdir]]))
    except ValueError:  # on two drives
        common = Path.cwd()
    return [common, *common.parents] if common.is_dir() else list(common.parents)


def _table(file: Path) -> dict[str, Any] | None:
    """Return the table of a pyproject.toml, None where it has none."""
    try:
        table: Any = tomllib.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise OptionError("xent lint", f"{file} must be readable TOML; got: {reason}", "mend the file") from None
    for name in ("tool", "xent", "lint"):
        table = table.get(name)
        if table is None:
            return None
        if not isinstance(table, dict):
            raise _wrong(file, "", "be a table", table)
    return dict(table)


def _config(table: dict[str, Any], file: Path) -> Config:
    values: dict[str, Any] = {"root": str(file.parent)}
    for key, value in table.items():
        if key not in _KEYS:
            close = get_close_matches(key, _KEYS, 1, 0.5)
            hint = f"did you mean {close[0]}?" if close else f"it may have {', '.join(_KEYS)}"
            raise OptionError("xent lint", f"[tool.xent.lint] of {file} must hold known keys; got {key!r}", hint)
        kind = _KEYS[key]
        if kind == "list":
            values[key] = _texts(file, key, value)
        elif kind == "table":
            if not isinstance(value, dict):
                raise _wrong(file, key, "be a table of lists", value)
            values[key] = {pattern: _texts(file, f"{key} of {pattern!r}", codes) for pattern, codes in value.items()}
        elif isinstance(value, str):
            values[key] = value
        else:
            raise _wrong(file, key, "be a text", value)
        _check_value(f"{key} of {file}", values[key], key)
    return Config(**{key.replace("-", "_"): value for key, value in values.items()})


_KEYS = {
    "select": "list",
    "ignore": "list",
    "per-file-ignores": "table",
    "exclude": "list",
    "fail-on": "text",
    "baseline": "text",
}


def _check_value(what: str, value: Any, key: str) -> None:
    if key in ("select", "ignore"):
        check_selectors(value, what)
    elif key == "per-file-ignores":
        for codes in value.values():
            check_selectors(codes, what)
    elif key == "fail-on":
        _check_fail_on(value, what)


def _texts(file: Path, key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(file, key, "be a list of texts", value)
    return tuple(value)


def _wrong(file: Path, key: str, rule: str, value: Any) -> OptionError:
    return OptionError(
        "xent lint", f"{key or 'tool.xent.lint'} of {file} must {rule}; got {value!r}", f"mend it in {file.name}"
    )
