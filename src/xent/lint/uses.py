"""Where the result of an activation goes, as far as its file shows: whether a fix may change it for the loss's sake."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from xent.lint.events import Activation, Event, LossCall, Returned
from xent.lint.names import library_name
from xent.lint.project import Module
from xent.lint.values import Made, Tensor

#: Methods that change where a number stands and not what it is.
_MOVES = frozenset(
    {"squeeze", "unsqueeze", "view", "reshape", "flatten", "ravel", "permute", "transpose", "contiguous"}
    | {"float", "double", "to", "cuda", "cpu", "detach", "numpy"}
)
_FACTS = frozenset({"shape", "size", "dtype", "device", "ndim", "dim"})
#: A value with more uses than this is not followed: no one reads that many, and time is short.
_MANY = 200


def is_argument(module: Module, node: ast.AST, call: ast.AST | None) -> bool:
    """Whether an expression is an argument of a call."""
    above = module.parents.get(node)
    if isinstance(above, ast.keyword):
        above = module.parents.get(above)
    return above is call and isinstance(call, ast.Call) and call.func is not node


class Uses:
    """The uses of what activations give: those that the run has met, and those that the text of the file shows."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._events: dict[ast.AST, list[Event]] = {}  # by the call of the activation, and by where its layer is made
        self._texts: dict[Module, _Text] = {}
        self._known: dict[tuple[ast.AST | None, str, str], bool] = {}
        for event in events:
            made = _made(event)
            if made is not None:
                for node in {made.node, made.layer or made.node}:
                    self._events.setdefault(node, []).append(event)

    def are_losses_alone(self, event: LossCall, made: Made, whole_layer: bool) -> bool:
        """Whether losses of the same kind are all that the file does with the result of an activation.

        To look for the largest entry is harmless too: no activation moves it. ``whole_layer``: wherever the layer that
        was made once is applied, not at this one call of it.
        """
        root = made.layer if whole_layer else made.node
        key = (root, event.loss.takes, event.loss.family)
        if key not in self._known:
            if made.module not in self._texts:
                self._texts[made.module] = _Text(made.module)
            flow = _Flow(self._texts[made.module])
            events = self._events.get(root, []) if root is not None else []
            self._known[key] = all(flow.takes_in(other, event, whole_layer) for other in events) and flow.is_harmless()
        return self._known[key]


def _made(event: Event) -> Made | None:
    if isinstance(event, Activation):
        return event.result.made
    if isinstance(event, Returned):
        return event.made
    return event.prediction.made if isinstance(event, LossCall) and isinstance(event.prediction, Tensor) else None


class _Text:
    """What a file's text has, by name: calls of what is no library's, reads, and what is picked from or handed on."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.calls: dict[str | None, list[ast.Call]] = {}
        self.reads: dict[str | None, list[ast.AST]] = {}
        self.picked: set[str | None] = set()
        self.handed_on: set[str | None] = set()
        for node, above in module.parents.items():
            name = _last_name(node)
            if isinstance(node, ast.Call):
                self.calls.setdefault(self.name_of(node), []).append(node)
            elif isinstance(node, ast.Subscript):
                self.picked.add(_last_name(node.value))
            elif name is not None and not (isinstance(above, ast.Call) and above.func is node):
                self.handed_on.add(name)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self.reads.setdefault(node.id, []).append(node)
            elif isinstance(node, ast.AugAssign):
                self.reads.setdefault(_last_name(node.target), []).append(node)
            elif isinstance(node, ast.Global | ast.Nonlocal):
                for shared in node.names:
                    self.reads.setdefault(shared, []).append(node)

    def name_of(self, call: ast.Call) -> str | None:
        """Return the last part of the name that is called, if it is no library's."""
        return None if library_name(self.module, call.func) else _last_name(call.func)


class _Flow:
    """Where one value begins, the calls that give it, the functions that hand it on, and the losses that take it."""

    def __init__(self, text: _Text) -> None:
        self._text = text
        self._module = text.module
        self._results: set[ast.AST] = set()
        self._calls: set[ast.AST] = set()
        self._functions: set[ast.AST] = set()
        self._losses: set[ast.AST] = set()
        self._followed: set[ast.AST] = set()

    def takes_in(self, other: Event, event: LossCall, whole_layer: bool) -> bool:
        """Take in what the run has met; whether it is a use that the event's loss allows."""
        if isinstance(other, LossCall):
            self._losses.add(other.node)
            return (other.loss.takes, other.loss.family) == (event.loss.takes, event.loss.family)
        if isinstance(other, Returned):
            self._functions.add(other.function)
        is_call = whole_layer or isinstance(other, Returned)
        (self._calls if is_call else self._results).add(other.node)
        return True

    def is_harmless(self) -> bool:
        """Whether every use is harmless, also of calls that were not followed but name what gives the value."""
        functions = {function.name for function in self._functions if isinstance(function, ast.FunctionDef)}
        names = functions | {self._text.name_of(node) for node in self._calls if isinstance(node, ast.Call)} - {None}
        functions |= {"apply"} if "apply" in names else set()  # flax's and haiku's
        if names & self._text.picked or functions & self._text.handed_on:
            return False
        begins = self._results | self._calls
        for name in names:
            begins.update(self._text.calls.get(name, ()))
        return all(map(self._ends_well, begins))

    def _ends_well(self, node: ast.AST) -> bool:
        """Whether a value goes from here to the losses, to a search for its largest entry, or nowhere."""
        if node in self._followed:
            return True
        if len(self._followed) >= _MANY:
            return False
        self._followed.add(node)
        parents = self._module.parents
        above = parents.get(node)
        if isinstance(above, ast.Attribute):
            call = parents.get(above)
            if above.attr in _FACTS or above.attr == "argmax":
                return True
            if above.attr == "data":
                return self._ends_well(above)
            if not isinstance(call, ast.Call) or call.func is not above:
                return False
            return self._ends_well(call) if above.attr in _MOVES else above.attr == "max" and self._is_index(call)
        if isinstance(above, ast.keyword):
            above = parents.get(above)
        if isinstance(above, ast.Call):
            name = library_name(self._module, above.func)
            if above in self._losses or name.endswith(".argmax"):
                return True
            return name == "torch.max" and len(above.args) == 2 and self._is_index(above)
        if isinstance(above, ast.Return):
            return self._module.scope_of(above) in self._functions
        if isinstance(above, ast.Assign) and len(above.targets) == 1 and isinstance(above.targets[0], ast.Name):
            reads = self._text.reads.get(above.targets[0].id, [])
            return len(reads) <= _MANY and all(map(self._ends_well, self._after(above, reads, node)))
        return isinstance(above, ast.Expr)

    def _is_index(self, call: ast.Call) -> bool:
        """Whether of a maximum along an axis only the index is taken."""
        above = self._module.parents.get(call)
        if isinstance(above, ast.Assign) and isinstance(above.targets[0], ast.Tuple):
            first = above.targets[0].elts[0]
            return isinstance(first, ast.Name) and first.id == "_"
        if isinstance(above, ast.Subscript):
            return isinstance(above.slice, ast.Constant) and above.slice.value == 1
        return isinstance(above, ast.Attribute) and above.attr == "indices"

    def _after(self, assign: ast.Assign, reads: list[ast.AST], value: ast.AST) -> Iterator[ast.AST]:
        """Give the reads of a name that may come after it was assigned to."""
        scope = self._module.scope_of(assign)
        loop = self._outermost_loop(assign)
        for node in reads:
            if not self._is_within(node, scope) or self._is_within(node, value):
                continue
            before = (getattr(node, "lineno", 0), getattr(node, "col_offset", 0)) < (assign.lineno, assign.col_offset)
            if not before or self._module.scope_of(node) is not scope or (loop and self._is_within(node, loop)):
                yield node

    def _outermost_loop(self, node: ast.AST) -> ast.AST | None:
        loop = None
        scope = self._module.scope_of(node)
        while node is not scope:
            loop = node if isinstance(node, ast.For | ast.AsyncFor | ast.While) else loop
            node = self._module.parents[node]
        return loop

    def _is_within(self, node: ast.AST | None, outer: ast.AST) -> bool:
        while node is not None and node is not outer:
            node = self._module.parents.get(node)
        return node is outer


def _last_name(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None
