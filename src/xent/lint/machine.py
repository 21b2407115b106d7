"""The state of an abstract run: what names hold, what was written since when, how much work is left.

Everything that is evaluated goes through a chain of classes, each a file: Machine (state) → Objects (attributes and
instances) → Calls → Arithmetic → Expressions → Statements → Interpreter (modules and entry points).
"""

from __future__ import annotations

import ast
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from xent.lint.events import Event
from xent.lint.project import Module, Tree
from xent.lint.values import UNKNOWN, Choice, Class, Deferred, Function, Object, Scope, Store, Value, join

#: Calls within calls, steps for a file, and steps for a call by its depth: programs end, but not always soon.
DEPTH = 14
STEPS = 12_000
STEPS_OF_CALL = (6_000, 4_000, 2_500, 1_500)
STEPS_ELSEWHERE = 1_500  # in another file than the one that is checked
#: Decorators and blocks under which no gradient is taken, and a decorator for one that is written by hand.
NO_GRADIENT = ("no_grad", "inference_mode", "custom_gradient")


class Exhausted(Exception):
    """The steps for a file or a call are used up."""


class Missing(Value):
    """No value was written here before."""

    __slots__ = ()


MISSING = Missing()


class Frame:
    """A running body: its names, the module it stands in, what it returned so far."""

    __slots__ = ("function", "module", "returned", "scope", "this")

    def __init__(
        self, module: Module, scope: Scope, function: Function | None = None, this: Value | None = None
    ) -> None:
        self.module = module
        self.scope = scope
        self.function = function
        self.this = this
        self.returned: list[tuple[Value, ast.AST]] = []


class Machine(ABC):
    """Names, the journal of what was written, the budget, and where events go."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.events: list[Event] = []
        self.memo: dict[Any, tuple[Value, tuple[Event, ...]]] = {}
        self.effects = 0  # writes to what outlives a call
        self.deadline = STEPS
        self.entry: ast.AST | None = None  # the function that a run begins with: its callers are not known
        self.endless: set[ast.AST] = set()  # functions that used up their steps: they are not followed again
        self.cut = 0  # calls that were not followed, for they were too deep
        self.journal: list[tuple[Store, Any, Value]] = []
        self.frames: list[Frame] = []
        self.steps = 0
        self.loops = 0  # that the running statement stands in
        self.untraced = 0  # blocks and functions that run and that no gradient passes through, or one written by hand
        self.evaluated: set[ast.AST] = set()
        self.calls_seen: set[ast.AST] = set()
        self.instances: list[Object] = []
        self.assumed: list[tuple[ast.expr, bool]] = []  # the tests of the arms that run, and whether they held

    @abstractmethod
    def evaluate(self, node: ast.expr) -> Value:
        """Return what an expression holds."""

    @abstractmethod
    def call(self, function: Value, args: Sequence[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        """Return what a call gives."""

    @abstractmethod
    def run(self, function: Function, args: Sequence[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        """Evaluate the body of a function of the tree."""

    @abstractmethod
    def load(self, module: Module) -> None:
        """Evaluate the body of a module, once."""

    def emit(self, event: Event) -> None:
        """Tell the rules of an event."""
        self.events.append(event)

    @abstractmethod
    def resolve(self, name: Deferred) -> Value:
        """Follow an import."""

    @property
    def frame(self) -> Frame:
        """The body that runs."""
        return self.frames[-1]

    @property
    def module(self) -> Module:
        """The module that the running body stands in."""
        return self.frames[-1].module

    def write(self, store: Store, key: Any, value: Value | Any) -> None:
        """Change a store so that it can be undone."""
        self.effects += 1
        self.journal.append((store, key, store.get(key, MISSING)))
        store[key] = value

    def erase(self, store: Store, key: Any) -> None:
        """Take a key out of a store so that it can be undone."""
        if key in store:
            self.journal.append((store, key, store[key]))
            del store[key]

    def undo(self, mark: int) -> dict[tuple[int, Any], tuple[Store, Any, Any]]:
        """Undo all since a mark, and return what stood at the end in every place that had changed."""
        final: dict[tuple[int, Any], tuple[Store, Any, Any]] = {}
        while len(self.journal) > mark:
            store, key, old = self.journal.pop()
            final.setdefault((id(store), key), (store, key, store.get(key, MISSING)))
            if old is MISSING:
                store.pop(key, None)
            else:
                store[key] = old
        return final

    def arms(self, arms: Sequence[Callable[[], bool]], test: ast.expr | None = None) -> bool:
        """Run each arm from the same state and join what they leave; an arm says whether the flow comes out of it.

        Of two arms a test may say which is taken: the first where it holds.
        """
        ends = []
        for position, arm in enumerate(arms):
            mark = len(self.journal)
            if test is not None:
                self.assumed.append((test, position == 0))
            try:
                flows = arm()
            finally:
                if test is not None:
                    self.assumed.pop()
            changes = self.undo(mark)
            if flows:
                ends.append(changes)
        effects = self.effects  # counted when the arms ran
        places = {place: (store, key) for end in ends for place, (store, key, _) in end.items()}
        for place, (store, key) in places.items():
            found = [end[place][2] if place in end else store.get(key, MISSING) for end in ends]
            self._settle(store, key, [value for value in found if value is not MISSING], test)
        self.effects = effects
        return bool(ends)

    def _settle(self, store: Store, key: Any, found: list[Any], test: ast.expr | None) -> None:
        if not found:
            return
        value = found[0]
        for other in found[1:]:
            if isinstance(value, Value) and isinstance(other, Value):
                value = join(value, other)
            elif value != other:  # the items of a sequence in two lengths
                value = _items(value, other)
                if key == "items":
                    self.write(store, "exact", False)
        if isinstance(value, Choice) and test is not None and value.options == tuple(found):
            value = Choice(value.options, test)
        self.write(store, key, value)

    def tick(self) -> None:
        """Count a step."""
        self.steps += 1
        if self.steps > self.deadline:
            raise Exhausted

    def lookup(self, name: str) -> Value:
        """Return what a name holds in the running body."""
        scope: Scope | None = self.frame.scope
        while scope is not None:
            if name in scope.names:
                value: Value = scope.names[name]
                if isinstance(value, Deferred):
                    scope.names[name] = UNKNOWN  # for modules that import each other
                    value = scope.names[name] = self.resolve(value)
                return value
            scope = scope.outer
        return self.in_module(self.module, name)

    def in_module(self, module: Module, name: str) -> Value:
        """Return what a name holds in a module, loading it first."""
        if not module.loaded and not module.loading:
            self.load(module)
        value: Value | None = module.scope.names.get(name)
        if isinstance(value, Deferred):
            module.scope.names[name] = UNKNOWN
            value = module.scope.names[name] = self.resolve(value)
        return value if value is not None else self.starred(module, name)

    @abstractmethod
    def starred(self, module: Module, name: str) -> Value:
        """Return a name that came by a star, or is built in."""

    def assign(self, name: str, value: Value) -> None:
        """Bind a name in the running body, or where it was declared global or nonlocal."""
        scope = self.frame.scope
        if not scope.shared:
            names = scope.names
            self.journal.append((names, name, names.get(name, MISSING)))
            names[name] = value
            return
        if name in scope.shared:
            outer = scope.outer
            while outer is not None and name not in outer.names and outer.outer is not None:
                outer = outer.outer
            scope = outer if outer is not None else scope
        self.write(scope.names, name, value)

    def running(self, node: ast.AST) -> int:
        """Return how often a function is running already."""
        return sum(frame.function is not None and frame.function.node is node for frame in self.frames)

    def owner(self) -> Class | None:
        """Return the class whose method runs, for ``super()``."""
        for frame in reversed(self.frames):
            if frame.function is not None and frame.function.owner is not None:
                return frame.function.owner
        return None


def _items(a: object, b: object) -> tuple[Value, ...]:
    """Return the items of a sequence that two arms leave; of two lengths what is appended later is still its end."""
    if not isinstance(a, tuple) or not isinstance(b, tuple):
        return ()
    if not a or not b:
        return a or b  # what a loop appends, if it turns at all
    if len(a) != len(b):
        return (UNKNOWN,)
    return tuple(join(x, y) for x, y in zip(a, b, strict=True))


def decorated(function: Function, *names: str) -> bool:
    """Whether a function is decorated with one of these, called or not."""
    for each in getattr(function.node, "decorator_list", []):
        name = each.func if isinstance(each, ast.Call) else each
        if (name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")) in names:
            return True
    return False


def unknown(*_: object) -> Value:
    """Nothing is known."""
    return UNKNOWN
