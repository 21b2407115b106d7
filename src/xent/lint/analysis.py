"""From a file to its findings: the file is run in the abstract, then each rule looks at what happened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress

from xent.lint.events import Event, LossCall, Threshold
from xent.lint.evidence import Seen
from xent.lint.finding import Finding, Place, SourceProblem, Step
from xent.lint.interpreter import Interpreter
from xent.lint.project import Module, Tree
from xent.lint.relevance import telling
from xent.lint.rule import Rule, Verdict
from xent.lint.rules import RULES
from xent.lint.source import Source
from xent.lint.values import Kind, Link

_OF_LOGITS = re.compile(r"BCEWithLogits|_with_logits|from_logits|sigmoid_binary_cross_entropy")
#: Where one mistake fires several rules, the first of these is the one to name.
_INSTEAD = {
    "XE301": {"XE101", "XE102", "XE103", "XE203", "XE303", "XE202", "XE107"},
    "XE306": {"XE106", "XE206", "XE202"},
}


class Analysis:
    """The run of a tree: what modules hold is kept from file to file."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._interpreter = Interpreter(tree)

    def looks_at(self, source: Source) -> bool:
        """Whether a file holds a word of what the rules know; without one nothing can be found."""
        return telling(source.text.lower())

    def check(self, path: str) -> list[Finding]:
        """Return what the entry points of a file lead to, in whichever file of the tree it stands.

        Raises :class:`SourceProblem` if the file cannot be read or parsed.
        """
        events = self._run(self.tree.module(path))
        seen = Seen(events)
        for event in events:  # whether a threshold is on logits shows where their head is trained, perhaps elsewhere
            if (
                isinstance(event, Threshold)
                and event.value.kind is Kind.LOGITS
                and event.value.origin not in seen.logits_of
            ):
                for module in self._beside(_home(event.value.trail), path):
                    seen.add(self._run(module))
        return judge(events, seen)

    def _beside(self, home: Module | None, path: str) -> Iterator[Module]:
        """Return the file that a head is defined in, and those beside it that name it and a loss of logits."""
        if home is None:
            return
        if home.path != path:
            yield home
        stem = os.path.splitext(os.path.basename(home.path))[0]
        for name in self.tree.beside(home):
            with suppress(SourceProblem):
                module = self.tree.module(name)
                if (
                    module.path != path
                    and module is not home
                    and stem in module.text
                    and _OF_LOGITS.search(module.text)
                ):
                    yield module

    def _run(self, module: Module) -> list[Event]:
        self._interpreter.check(module)
        return self._interpreter.events


def judge(events: list[Event], seen: Seen) -> list[Finding]:
    """Return the findings of all rules on what happened, each place once, in the order of places."""
    found: dict[tuple[Place, str], Finding] = {}
    for event in events:
        if isinstance(event, LossCall) and event.made and event.node in seen.called:
            continue
        for rule, verdict in _verdicts(event, seen):
            module = verdict.module or event.module
            place = module.place(verdict.node or event.node)
            key = (place, rule.code)
            if key not in found:
                steps = tuple(_steps(verdict.trail))
                severity = verdict.severity or rule.severity
                found[key] = Finding(rule.code, severity, place, verdict.message, steps, verdict.fix)
    kept = []
    codes: dict[Place, set[str]] = {}
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


def _home(trail: Link | None) -> Module | None:
    while trail is not None and trail.before is not None:
        trail = trail.before
    return trail.module if trail is not None else None


def _steps(trail: Link | None) -> Iterable[Step]:
    steps: list[Step] = []
    while trail is not None and len(steps) < 12:
        steps.append(Step(trail.text, trail.module.place(trail.node)))
        trail = trail.before
    return reversed(steps)
