"""What a whole run has seen: the facts that one event alone does not tell."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from xent.lint.events import Backward, Complement, Event, LossCall, Threshold
from xent.lint.values import Kind, Tensor, Value


class Seen:
    """Facts of all events: which layers' outputs some loss takes as logits, which losses are differentiated."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.logits_of: dict[ast.AST, LossCall] = {}
        self.differentiated: set[LossCall] = set()
        self.called: set[ast.AST] = set()  # where losses are made that are called
        self.logits: dict[Value, LossCall] = {}  # predictions of which only this is known
        self.complemented: set[LossCall] = set()
        self.thresholded: dict[ast.AST, Threshold] = {}
        self.events: list[Event] = []
        self.add(events)

    def add(self, events: Iterable[Event]) -> None:
        """Take in more."""
        events = list(events)
        self.events += events
        for event in events:
            if isinstance(event, LossCall) and event.maker is not None and not event.made:
                self.called.add(event.maker.node)
            if isinstance(event, LossCall) and event.loss.takes == "logits":
                self.logits.setdefault(event.prediction, event)
            if isinstance(event, LossCall) and event.loss.takes == "logits" and isinstance(event.prediction, Tensor):
                if event.prediction.origin is not None and event.prediction.kind is Kind.LOGITS:
                    self.logits_of.setdefault(event.prediction.origin, event)
            elif isinstance(event, Backward) and event.loss.call is not None:
                self.differentiated.update(event.loss.calls)
            elif isinstance(event, Complement) and event.loss.call is not None:
                self.complemented.add(event.loss.call)
            elif isinstance(event, Threshold) and event.value.kind is Kind.SIGMOID and event.value.origin is not None:
                self.thresholded.setdefault(event.value.origin, event)
