"""What the guard reports: a finding, the warning and the error that carry it, and the place of a call."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Literal

import torch

from xent.errors import XentError

Severity = Literal["error", "warning", "info"]

_OWN = (Path(torch.__file__).parent, Path(__file__).parents[2])
_HIDDEN = (*(f"{folder}{os.sep}" for folder in _OWN), "<eval_with_key>", "<frozen ")


@dataclass(frozen=True)
class Site:
    """Where a loss was called: the innermost line outside torch and xent, and the caller's own where that is another.

    ``caller`` is the innermost line outside installed packages, where ``path`` is one of them.
    """

    path: str
    line: int
    function: str
    caller: Site | None = None

    def __str__(self) -> str:
        place = f"{self.path}:{self.line} in {self.function}"
        return place if self.caller is None else f"{place}, called from {self.caller}"


def site_of_call() -> Site:
    """Return where the loss is called that is being looked at."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename.startswith(_HIDDEN):
        frame = frame.f_back
    if frame is None:
        return Site("<unknown>", 0, "<unknown>")
    caller = None
    outer: FrameType | None = frame
    if _is_installed(frame):
        while outer is not None and (_is_installed(outer) or outer.f_code.co_filename.startswith(_HIDDEN)):
            outer = outer.f_back
        caller = None if outer is None else _site(outer)
    return _site(frame, caller)


def _is_installed(frame: FrameType) -> bool:
    return "site-packages" in frame.f_code.co_filename or "dist-packages" in frame.f_code.co_filename


def _site(frame: FrameType, caller: Site | None = None) -> Site:
    return Site(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name, caller)


@dataclass(frozen=True)
class Suspicion:
    """What a rule has to say of a call; with the place of the call it is a :class:`LossFinding`."""

    code: str
    severity: Severity
    problem: str
    seen: str
    why: str
    do: str
    evidence: Mapping[str, float] = field(default_factory=dict)
    from_graph: bool = False


@dataclass(frozen=True)
class LossFinding:
    """One mistake at one loss call.

    Attributes
    ----------
    code
        As ``xent lint`` has it (``"XE101"``), or ``"XG…"`` for what shows itself in a run only.
    severity
        ``"error"``: the loss is not what it is taken for; ``"warning"``: it most probably is not; ``"info"``: harmless.
    function
        The loss function.
    problem, seen, why, do
        What was wrong, from what that was seen, what follows from it, the one thing to do.
    evidence
        The numbers in them, by name.
    site
        Where the loss was called: ``path``, ``line``, ``function``.
    """

    code: str
    severity: Severity
    function: str
    problem: str
    seen: str
    why: str
    do: str
    evidence: Mapping[str, float]
    site: Site

    def __str__(self) -> str:
        return (
            f"{self.function}: {self.problem} [{self.code}]\n\n"
            f"at: {self.site}\nseen: {self.seen}\nwhy: {self.why}\nhint: {self.do}"
        )


class LossWarning(UserWarning):
    """What :func:`xent.torch.guard` warns of; the only argument's ``finding`` says it in parts."""

    def __init__(self, message: str, finding: LossFinding | None = None) -> None:
        super().__init__(message)
        self.finding = finding


class LossError(XentError, ValueError):
    """What :func:`xent.torch.guard` raises with ``on_problem="raise"``; ``finding`` says it in parts."""

    def __init__(self, finding: LossFinding) -> None:
        self.finding = finding
        f = finding
        super().__init__(f.function, f"{f.problem} [{f.code}]\n\nat: {f.site}\nseen: {f.seen}\nwhy: {f.why}", f.do)

    def __reduce__(self) -> tuple[type[LossError], tuple[LossFinding]]:  # type: ignore[override]
        """Return what pickle rebuilds the error from."""
        return type(self), (self.finding,)
