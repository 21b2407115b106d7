"""What a rule is: a code that is stable for ever, words that explain it, two programs that show it, and its checks."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xent.lint.finding import Fix, Severity

if TYPE_CHECKING:
    from xent.lint.events import Event
    from xent.lint.evidence import Seen
    from xent.lint.project import Module
    from xent.lint.values import Link

#: Where the documentation is published.
DOCUMENTATION = "https://xent.readthedocs.io/en/latest"


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a claim comes from."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says of an event, with the chain of evidence; elsewhere or milder than usual, if so said."""

    message: str
    trail: Link | None = None
    node: ast.AST | None = None
    module: Module | None = None
    severity: Severity | None = None
    fix: Fix | None = None


Check = Callable[[Any, "Seen"], Verdict | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A mistake that the linter finds. ``xent rule CODE`` and the documentation print what stands here.

    ``bad`` and ``good`` are whole programs: the tests lint them, and find this code once in the one and nothing in the
    other. ``finds`` is a sentence; ``why`` are paragraphs in Markdown, with figures where there are any; ``unsure``
    says what the rule does not see and when its finding may be meant; ``fix`` what ``--fix`` does about it, if it does.
    """

    code: str
    name: str
    severity: Severity
    finds: str
    why: str
    bad: str
    good: str
    references: tuple[Reference, ...]
    unsure: str = ""
    fix: str = ""
    checks: list[tuple[type[Event], Check]] = field(default_factory=list, repr=False, compare=False)

    @property
    def url(self) -> str:
        """The page of this rule."""
        return f"{DOCUMENTATION}/reference/rules/{self.code}.html"

    def on(self, *events: type[Event]) -> Callable[[Check], Check]:
        """Have a function look at events of these types."""

        def enter(check: Check) -> Check:
            self.checks.extend((event, check) for event in events)
            return check

        return enter
