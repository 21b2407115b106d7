"""From a file to its findings: the file is run in the abstract, then each rule looks at what happened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xent.lint.events import Event
from xent.lint.evidence import Seen
from xent.lint.finding import Finding, SourceProblem, Step
from xent.lint.interpreter import Interpreter
from xent.lint.project import Module, Tree, telling
from xent.lint.rule import Rule, Verdict
from xent.lint.rules import RULES
from xent.lint.values import Link

#: Where one mistake fires several rules, the first of these is the one to name.
_INSTEAD = {
    "XE301": {"XE101", "XE102", "XE103", "XE203", "XE303", "XE202", "XE107"},
    "XE306": {"XE106", "XE206", "XE202"},
}


class Analysis:
    """The run of a tree: what modules hold is kept from file to file."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._events: list[Event] = []
        self._interpreter = Interpreter(tree, self._events.append)

    def check(self, path: str) -> list[Finding]:
        """Return what the entry points of a file lead to, in whichever file of the tree it stands.

        Raises :class:`SourceProblem` if the file cannot be read or parsed.
        """
        self._events.clear()
        self._interpreter.check(self.tree.module(path))
        return judge(self._events)


def judge(events: list[Event]) -> list[Finding]:
    """Return the findings of all rules on what happened, each place once, in the order of places."""
    seen = Seen(events)
    found: dict[tuple[object, str], Finding] = {}
    for event in events:
        for rule, verdict in _verdicts(event, seen):
            module = verdict.module or event.module
            place = module.place(verdict.node or event.node)
            key = (place, rule.code)
            if key not in found:
                steps = tuple(_steps(verdict.trail))
                severity = verdict.severity or rule.severity
                found[key] = Finding(rule.code, severity, place, verdict.message, steps, verdict.fix)
    kept = []
    codes: dict[object, set[str]] = {}
    for place, code in found:
        codes.setdefault(place, set()).add(code)
    for (place, code), finding in found.items():
        if not any(code in _INSTEAD.get(other, ()) for other in codes[place]):
            kept.append(finding)
    return sorted(kept, key=lambda f: (f.place, f.code))


def _verdicts(event: Event, seen: Seen) -> Iterator[tuple[Rule, Verdict]]:
    for rule in RULES.values():
        for kind, check in rule.checks:
            if isinstance(event, kind):
                verdict = check(event, seen)
                if verdict is not None:
                    yield rule, verdict


def _steps(trail: Link | None) -> Iterable[Step]:
    steps: list[Step] = []
    while trail is not None and len(steps) < 12:
        steps.append(Step(trail.text, trail.module.place(trail.node)))
        trail = trail.before
    return reversed(steps)


__all__ = ["Analysis", "Module", "SourceProblem", "telling"]
