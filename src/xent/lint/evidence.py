"""What a whole run has seen: the facts that one event alone does not tell."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property

from xent.lint.events import Backward, Complement, Event, LossCall, Threshold
from xent.lint.uses import Uses
from xent.lint.values import Kind, Tensor, Value


class Seen:
    """Facts of all events: which layers' outputs some loss takes as logits, which losses are differentiated."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.logits_of: dict[ast.AST, LossCall] = {}
        self.differentiated: set[LossCall] = set()
        self.called: set[ast.AST] = set()  # where losses are made that are called
        self.logits: dict[Value, LossCall] = {}  # predictions of which only this is known
        self.class_targets: set[Value] = set()  # what is the target of a loss of class indices
        self.complemented: set[LossCall] = set()
        self.thresholded: dict[ast.AST, Threshold] = {}
        self._events: list[Event] = []
        self.add(events)

    def add(self, events: Iterable[Event]) -> None:
        """Take in more."""
        events = list(events)
        self._events += events
        for event in events:
            if isinstance(event, LossCall) and event.maker is not None and not event.made:
                self.called.add(event.maker.node)
            if isinstance(event, LossCall) and event.loss.index and event.loss.family == "softmax" and event.target:
                self.class_targets.add(event.target)
            if isinstance(event, LossCall) and event.loss.takes == "logits":
                self.logits.setdefault(event.prediction, event)
                self.logits_of.setdefault(event.node, event)  # of what is known by this alone
            if isinstance(event, LossCall) and isinstance(x := event.prediction, Tensor) and x.origin is not None:
                if (event.loss.takes, x.kind) in (("logits", Kind.LOGITS), ("probs", Kind.SIGMOID)):
                    self.logits_of.setdefault(x.origin, event)
            elif isinstance(event, Backward) and event.loss.call is not None:
                self.differentiated.update(event.loss.calls)
            elif isinstance(event, Complement) and event.loss.call is not None:
                self.complemented.add(event.loss.call)
            elif isinstance(event, Threshold) and (x := event.value).kind is Kind.SIGMOID and x.origin is not None:
                origin = x.origin if not x.marks & {"column", "part"} else event.node  # another head's, in one tensor
                self.thresholded.setdefault(origin, event)

    @cached_property
    def uses(self) -> Uses:
        """Where activations' results go. Asked for when all is added, and only where a fix hangs on it."""
        return Uses(self._events)

    @cached_property
    def calls_of(self) -> dict[ast.AST, list[LossCall]]:
        """The calls of each loss object, by where it is made."""
        found: dict[ast.AST, list[LossCall]] = {}
        for event in self._events:
            if isinstance(event, LossCall) and event.maker is not None and not event.made:
                found.setdefault(event.maker.node, []).append(event)
        return found
