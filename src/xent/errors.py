"""The errors that xent raises for a user's mistake.

Each says what was wrong, where, and the one thing to do: ``{function}: {argument} must {rule}; got {what}``, a blank
line, ``hint: {what to do}``.
"""

from __future__ import annotations


class XentError(Exception):
    """Base of every error that xent raises on purpose; always also a ValueError or a TypeError."""

    def __init__(self, function: str, problem: str, hint: str | None = None) -> None:
        self.function = function
        self.problem = problem
        self.hint = hint
        super().__init__(f"{function}: {problem}" + (f"\n\nhint: {hint}" if hint else ""))

    def __reduce__(self) -> tuple[type[XentError], tuple[str, str, str | None]]:
        """Return what pickle rebuilds the error from: the three parts, not the one message."""
        return type(self), (self.function, self.problem, self.hint)


class ShapeError(XentError, ValueError):
    """An argument has the wrong shape."""


class DtypeError(XentError, TypeError):
    """An argument has the wrong dtype or type."""


class TargetError(XentError, ValueError):
    """A target is not a class of the logits, or not a distribution over them."""


class OptionError(XentError, ValueError):
    """An option has a value that it cannot have, or that cannot go with another."""


class DataError(XentError, ValueError):
    """A file cannot be read as what it was said to be."""
