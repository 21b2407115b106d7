"""What a rule is: a code that is stable for ever, the words that explain it, and two programs that show it."""

from __future__ import annotations

from dataclasses import dataclass

from xent.lint.finding import Severity


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a claim comes from."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A mistake that the linter finds. ``xent rule CODE`` and the documentation print what stands here.

    ``bad`` and ``good`` are whole programs: the tests lint them, and find this code once in the one and nothing in the
    other. ``finds`` is a sentence; ``why`` are paragraphs in Markdown, with figures where there are any; ``unsure`` says
    what the rule does not see and when its finding may be meant.
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

    @property
    def url(self) -> str:
        """The page of this rule."""
        return f"https://xent.readthedocs.io/en/latest/reference/rules/{self.code}.html"
