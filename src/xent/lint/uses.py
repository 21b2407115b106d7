"""Where the result of an activation goes, as far as its file shows: whether a fix may change it for the loss's sake."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from xent.lint.events import Activation, LossCall, Returned
from xent.lint.evidence import Seen
from xent.lint.names import library_name
from xent.lint.project import Module
from xent.lint.values import Made, Tensor

#: Methods that change where a number stands and not what it is.
_MOVES = frozenset(
    {"squeeze", "unsqueeze", "view", "reshape", "flatten", "ravel", "permute", "transpose", "contiguous"}
    | {"float", "double", "to", "cuda", "cpu", "detach", "numpy"}
)
_FACTS = frozenset({"shape", "size", "dtype", "device", "ndim", "dim"})


def is_argument(module: Module, node: ast.AST, call: ast.AST | None) -> bool:
    """Whether an expression is an argument of a call."""
    above = module.parents.get(node)
    if isinstance(above, ast.keyword):
        above = module.parents.get(above)
    return above is call and isinstance(call, ast.Call) and call.func is not node


def goes_to_loss_alone(event: LossCall, made: Made, seen: Seen, whole_layer: bool) -> bool:
    """Whether losses of the same kind are all that the file does with the result of an activation.

    To look for the largest entry is harmless too: no activation moves it. ``whole_layer``: wherever the layer that was
    made once is applied, not at this one call of it.
    """

    def is_same(other: Made | None) -> bool:
        return other is not None and (other.layer is made.layer if whole_layer else other.node is made.node)

    uses = _Uses(made.module)
    for other in seen.events:
        if isinstance(other, Activation) and is_same(other.result.made):
            uses.results.add(other.node)
            uses.calls |= {other.node} if whole_layer else set()
        elif isinstance(other, Returned) and is_same(other.made):
            uses.calls.add(other.node)
            uses.functions.add(other.function)
        elif isinstance(other, LossCall) and isinstance(other.prediction, Tensor) and is_same(other.prediction.made):
            if (other.loss.takes, other.loss.family) != (event.loss.takes, event.loss.family):
                return False
            uses.losses.add(other.node)
    return uses.are_all_harmless()


class _Uses:
    """Where a value begins, the calls that give it, the functions that hand it on, and the losses that take it."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.results: set[ast.AST] = set()
        self.calls: set[ast.AST] = set()
        self.functions: set[ast.AST] = set()
        self.losses: set[ast.AST] = set()
        self._followed: set[ast.AST] = set()

    def are_all_harmless(self) -> bool:
        """Whether every use is harmless, also of calls that were not followed but name what gives the value."""
        names = {self._own_name(node.func) for node in self.calls if isinstance(node, ast.Call)} - {None}
        functions = {function.name for function in self.functions if isinstance(function, ast.FunctionDef)}
        functions |= {"apply"} if "apply" in names else set()  # flax's and haiku's
        names |= functions
        uses = self.results | self.calls
        for node, above in self.module.parents.items():
            if isinstance(node, ast.Call) and self._own_name(node.func) in names:
                uses.add(node)
            is_picked = isinstance(node, ast.Subscript) and _last_name(node.value) in names
            is_handed_on = _last_name(node) in functions and not _is_called(node, above)
            if is_picked or is_handed_on:
                return False
        return all(map(self.is_harmless, uses))

    def _own_name(self, function: ast.expr) -> str | None:
        """Return the last part of a name that is no library's."""
        return None if library_name(self.module, function) else _last_name(function)

    def is_harmless(self, node: ast.AST) -> bool:
        """Whether a value goes from here to the losses, to a search for its largest entry, or nowhere."""
        if node in self._followed:
            return True
        self._followed.add(node)
        parents = self.module.parents
        above = parents.get(node)
        if isinstance(above, ast.Attribute):
            call = parents.get(above)
            if above.attr in _FACTS or above.attr == "argmax":
                return True
            if above.attr == "data":
                return self.is_harmless(above)
            if not isinstance(call, ast.Call) or call.func is not above:
                return False
            return self.is_harmless(call) if above.attr in _MOVES else above.attr == "max" and self._is_index(call)
        if isinstance(above, ast.keyword):
            above = parents.get(above)
        if isinstance(above, ast.Call):
            name = library_name(self.module, above.func)
            if above in self.losses or name.endswith(".argmax"):
                return True
            return name == "torch.max" and len(above.args) == 2 and self._is_index(above)
        if isinstance(above, ast.Return):
            return self.module.scope_of(above) in self.functions
        if isinstance(above, ast.Assign) and len(above.targets) == 1 and isinstance(above.targets[0], ast.Name):
            return all(self.is_harmless(use) for use in self._reads(above, above.targets[0].id, node))
        return isinstance(above, ast.Expr)

    def _is_index(self, call: ast.Call) -> bool:
        """Whether of a maximum along an axis only the index is taken."""
        above = self.module.parents.get(call)
        if isinstance(above, ast.Assign) and isinstance(above.targets[0], ast.Tuple):
            first = above.targets[0].elts[0]
            return isinstance(first, ast.Name) and first.id == "_"
        if isinstance(above, ast.Subscript):
            return isinstance(above.slice, ast.Constant) and above.slice.value == 1
        return isinstance(above, ast.Attribute) and above.attr == "indices"

    def _reads(self, assign: ast.Assign, name: str, value: ast.AST) -> Iterator[ast.AST]:
        """Give all places that may read a name after it was assigned to; one that is not understood where there are."""
        scope = self.module.scope_of(assign)
        loop = self._outermost_loop(assign)
        for node in ast.walk(scope):
            if isinstance(node, ast.Global | ast.Nonlocal | ast.AugAssign) and name in _named(node):
                yield node
            if not isinstance(node, ast.Name) or node.id != name or not isinstance(node.ctx, ast.Load):
                continue
            before = (node.lineno, node.col_offset) < (assign.lineno, assign.col_offset)
            if before and self.module.scope_of(node) is scope and not (loop and self._is_within(node, loop)):
                continue
            if not self._is_within(node, value):
                yield node

    def _outermost_loop(self, node: ast.AST) -> ast.AST | None:
        loop = None
        scope = self.module.scope_of(node)
        while node is not scope:
            loop = node if isinstance(node, ast.For | ast.AsyncFor | ast.While) else loop
            node = self.module.parents[node]
        return loop

    def _is_within(self, node: ast.AST | None, outer: ast.AST) -> bool:
        while node is not None and node is not outer:
            node = self.module.parents.get(node)
        return node is outer


def _is_called(node: ast.AST, above: ast.AST) -> bool:
    return isinstance(above, ast.Call) and above.func is node


def _last_name(node: ast.AST) -> str | None:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else None


def _named(node: ast.Global | ast.Nonlocal | ast.AugAssign) -> list[str | None]:
    return [_last_name(node.target)] if isinstance(node, ast.AugAssign) else list(node.names)
