"""Every rule by its code: those of the analysis and those about the linting itself."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache

from xent.errors import OptionError
from xent.lint.notices import ALWAYS, NOTICES
from xent.lint.rule import Rule

ALL = "ALL"


@cache
def catalogue() -> dict[str, Rule]:
    """Return every rule by its code, in order."""
    from xent.lint.rules import RULES

    return dict(sorted({**NOTICES, **RULES}.items()))


def matching(selector: str) -> frozenset[str]:
    """Return the codes that a selector names: a code, the beginning of some, or ALL. Empty where it names none."""
    if selector == ALL:
        return frozenset(catalogue())
    if not selector.startswith("XE"):
        return frozenset()
    return frozenset(code for code in catalogue() if code.startswith(selector))


def check_selectors(selectors: Iterable[str], what: str) -> None:
    """Raise OptionError for the first selector that names no rule."""
    for selector in selectors:
        if not matching(selector):
            raise OptionError(
                "xent lint", f"{what} must name rules: XE101, XE1 or ALL; got {selector!r}", nearest(selector)
            )


def nearest(selector: str) -> str:
    """Return the hint for a code that no rule has."""
    close = get_close_matches(selector.upper(), [*catalogue(), ALL], 1, 0.6)
    return f"did you mean {close[0]}? 'xent rule' lists them all" if close else "'xent rule' lists them all"


def selected(select: Iterable[str], ignore: Iterable[str]) -> frozenset[str]:
    """Return the codes that are selected and not ignored. The longer selector decides, between equals ``ignore``."""
    wanted = dict.fromkeys(ALWAYS, -1)
    for selector in select:
        for code in matching(selector):
            wanted[code] = max(wanted.get(code, -1), _length(selector))
    refused: dict[str, int] = {}
    for selector in ignore:
        for code in matching(selector):
            refused[code] = max(refused.get(code, -1), _length(selector))
    return frozenset(code for code, length in wanted.items() if length > refused.get(code, -2))


def _length(selector: str) -> int:
    return 0 if selector == ALL else len(selector)
