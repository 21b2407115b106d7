"""Statements: assignments, branches, loops and definitions, in the order of the flow."""

from __future__ import annotations

import ast
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from xent.lint.expressions import Expressions
from xent.lint.frameworks import datasets, labels, shapes, torch
from xent.lint.machine import NO_GRADIENT
from xent.lint.values import (
    UNKNOWN,
    Class,
    Const,
    Function,
    Kind,
    Link,
    Mapping,
    Object,
    Seq,
    Tensor,
    Unknown,
    Value,
    constant,
)

_UNROLLED = 24


class Statements(Expressions):
    """What each kind of statement does."""

    @abstractmethod
    def imported(self, node: ast.Import | ast.ImportFrom) -> bool:
        """Bind the names of an import."""

    def body(self, statements: Sequence[ast.stmt]) -> bool:
        """Run statements; whether the flow comes out at their end."""
        for statement in statements:
            self.tick()
            handler = _HANDLERS.get(type(statement))
            if handler is not None:
                if not handler(self, statement):
                    return False
            else:
                for child in ast.iter_child_nodes(statement):
                    if isinstance(child, ast.expr):
                        self.evaluate(child)
        return True

    def _expression(self, node: ast.Expr) -> bool:
        self.evaluate(node.value)
        return True

    def _assign(self, node: ast.Assign) -> bool:
        value = self.evaluate(node.value)
        for target in node.targets:
            self.bind_target(target, value, node)
        return True

    def _annotated(self, node: ast.AnnAssign) -> bool:
        if node.value is not None:
            self.bind_target(node.target, self.evaluate(node.value), node)
        return True

    def _augmented(self, node: ast.AugAssign) -> bool:
        target = node.target
        old = self.evaluate(target)
        value = self.arithmetic(node.op, old, self.evaluate(node.value), node, target, node.value)
        if isinstance(old, Const) and isinstance(value, Tensor) is False:
            value = UNKNOWN
        self.bind_target(target, value, node)
        return True

    def bind_target(self, target: ast.expr, value: Value, node: ast.AST | None = None) -> None:
        """Assign to a name, an attribute, an item, or several of them."""
        if isinstance(target, ast.Name):
            self.assign(target.id, _symbol(value, target.id))
        elif isinstance(target, ast.Attribute):
            base = self.evaluate(target.value)
            if target.attr == "requires_grad" and constant(value) is True:
                base = torch.revive(self, target.value, base, node or target)
                if isinstance(target.value, ast.Name):
                    self.assign(target.value.id, base)
            if isinstance(base, Object):
                self.ready(base)
                self.write(base.attrs, target.attr, value)
            elif isinstance(base, Class):
                self.write(base.names, target.attr, value)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target.elts, value)
        elif isinstance(target, ast.Subscript):
            self._assign_item(target, value, node)
        elif isinstance(target, ast.Starred):
            self.bind_target(target.value, UNKNOWN)

    def _unpack(self, targets: list[ast.expr], value: Value) -> None:
        stars = [i for i, each in enumerate(targets) if isinstance(each, ast.Starred)]
        items: list[Value] = [UNKNOWN] * len(targets)
        if isinstance(value, shapes.Shape):
            items = value.items(len(targets))
        elif isinstance(value, Seq) and value.exact:
            if not stars and len(value.items) == len(targets):
                items = list(value.items)
            elif stars and len(value.items) >= len(targets) - 1:
                after = len(targets) - stars[0] - 1
                items = [*value.items[: stars[0]], UNKNOWN, *(value.items[-after:] if after else ())]
        for target, item in zip(targets, items, strict=True):
            self.bind_target(target, item)

    def _assign_item(self, target: ast.Subscript, value: Value, node: ast.AST | None) -> None:
        base = self.evaluate(target.value)
        if isinstance(base, Tensor) and isinstance(target.value, ast.Name) and base.marks:
            if "zeros" in base.marks and base.rank == 1 and constant(value) == 1 and base.turn != self.loops:
                link = Link("several entries of a row are set to 1", self.module, target)
                base = Tensor(Kind.MULTI_HOT, rank=1, trail=link)
            self.assign(target.value.id, base.but(marks=frozenset(m for m in base.marks if not m.startswith("padded"))))
        key = UNKNOWN if isinstance(target.slice, ast.Slice | ast.Tuple) else self.evaluate(target.slice)
        index = constant(key)
        if isinstance(base, Mapping):
            self.write(base.store, index if isinstance(key, Const) else ..., value)
        elif isinstance(base, Seq):
            if base.exact and isinstance(index, int) and -len(base.items) <= index < len(base.items):
                items = list(base.items)
                items[index] = value
                self.write(base.store, "items", tuple(items))
            else:
                self.write(base.store, "exact", False)
        elif isinstance(base, Object):
            if isinstance(index, int):
                torch.append(self, base, value, at=index)
            elif isinstance(index, str):
                self.write(base.attrs, index, value)
        self.remap(target, key, value, node)

    def remap(self, target: ast.Subscript, key: Value, value: Value, node: ast.AST | None) -> None:
        """Tell the rules of ``labels[labels == 255] = 0``."""
        labels.remap(self.site(node or target), target.slice, key, target.value, value)

    def _delete(self, node: ast.Delete) -> bool:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.erase(self.frame.scope.names, target.id)
            elif isinstance(target, ast.Attribute):
                base = self.evaluate(target.value)
                if isinstance(base, Object):
                    self.erase(base.attrs, target.attr)
            elif isinstance(target, ast.Subscript):
                base = self.evaluate(target.value)
                if isinstance(base, Object) and isinstance(base.attrs.get("?children"), Seq):
                    children = base.attrs["?children"]
                    if (
                        constant(self.evaluate(target.slice) if not isinstance(target.slice, ast.Slice) else UNKNOWN)
                        == -1
                    ):
                        self.write(children.store, "items", children.items[:-1])
                    else:
                        self.write(children.store, "exact", False)
        return True

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        scope = self.frame.scope
        function = Function(node, self.module, scope)
        self.assign(node.name, function)
        self._decorate(node, function)
        return True

    def _decorate(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, value: Value) -> None:
        """Call the tree's own decorators for what they register; they are taken to return what they are given."""
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call):
                called = self.evaluate(decorator)
                if isinstance(called, Function):
                    self.call(called, (value,), {}, decorator)

    def _class(self, node: ast.ClassDef) -> bool:
        bases = tuple(self.evaluate(base) for base in node.bases if not isinstance(base, ast.Starred))
        cls = Class(node, self.module, bases, {}, self.frame.scope)
        names: dict[str, Any] = cls.names
        for statement in node.body:
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                names[statement.name] = Function(statement, self.module, self.frame.scope, cls)
            elif (
                isinstance(statement, ast.Assign)
                and len(statement.targets) == 1
                and isinstance(statement.targets[0], ast.Name)
            ):
                names[statement.targets[0].id] = self.evaluate(statement.value)
            elif (
                isinstance(statement, ast.AnnAssign)
                and statement.value is not None
                and isinstance(statement.target, ast.Name)
            ):
                names[statement.target.id] = self.evaluate(statement.value)
            elif isinstance(statement, ast.ClassDef):
                self._class(statement)
                names[statement.name] = self.lookup(statement.name)
        self.assign(node.name, cls)
        self._decorate(node, cls)
        return True

    def _return(self, node: ast.Return) -> bool:
        value = self.evaluate(node.value) if node.value is not None else Const(None)
        self.frame.returned.append((value, node))
        return False

    def _leave(self, node: ast.AST) -> bool:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.evaluate(child)
        return False

    def _if(self, node: ast.If) -> bool:
        test = self.truth(self.evaluate(node.test))
        if _is_main(node.test):
            test = True
        if test is not None:
            return self.body(node.body if test else node.orelse)
        return self.arms([lambda: self.body(node.body), lambda: self.body(node.orelse)], node.test)

    def _while(self, node: ast.While) -> bool:
        self.evaluate(node.test)
        return self._loop(node.body, node.orelse)

    def _for(self, node: ast.For | ast.AsyncFor) -> bool:
        source = self.evaluate(node.iter)
        children = source.attrs.get("?children") if isinstance(source, Object) else source
        if isinstance(children, Seq) and children.exact and 0 < len(children.items) <= _UNROLLED:
            for item in children.items:
                self.bind_target(node.target, item)
                self._turn(node.body)
            self.body(node.orelse)
            return True
        item = self.item(children, UNKNOWN) if isinstance(children, Seq) else datasets.element(self, source, node)
        self.bind_target(node.target, item)
        return self._loop(node.body, node.orelse)

    def _turn(self, body: list[ast.stmt]) -> None:
        """Run a loop's body once; where it leaves early, what came before stays."""
        self.loops += 1
        try:
            self.body(body)
        finally:
            self.loops -= 1

    def _loop(self, body: list[ast.stmt], orelse: list[ast.stmt]) -> bool:
        def once() -> bool:
            self._turn(body)
            return True

        self.arms([once, lambda: True])
        self.body(orelse)
        return True

    def _with(self, node: ast.With | ast.AsyncWith) -> bool:
        for item in node.items:
            value = self.evaluate(item.context_expr)
            if item.optional_vars is not None:
                self.bind_target(item.optional_vars, value if isinstance(value, Object) and value.cls else UNKNOWN)
        untraced = any(_stops_gradient(item.context_expr) for item in node.items)
        self.untraced += untraced
        try:
            return self.body(node.body)
        finally:
            self.untraced -= untraced

    def _try(self, node: ast.Try) -> bool:
        whole = [*node.body, *node.orelse]
        arms: list[Callable[[], bool]] = [lambda: self.body(whole)]
        arms += [partial(self.body, handler.body) for handler in node.handlers]
        flows = self.arms(arms) if len(arms) > 1 else arms[0]()
        if node.finalbody:
            return self.body(node.finalbody) and flows
        return flows

    def _match(self, node: ast.Match) -> bool:
        subject = constant(self.evaluate(node.subject))
        for case in node.cases:
            pattern = case.pattern
            if (
                subject is not None
                and isinstance(pattern, ast.MatchValue)
                and isinstance(pattern.value, ast.Constant)
                and pattern.value.value == subject
            ):
                return self.body(case.body)
        arms: list[Callable[[], bool]] = [partial(self.body, case.body) for case in node.cases]
        return self.arms([*arms, lambda: True])

    def _global(self, node: ast.Global | ast.Nonlocal) -> bool:
        if self.frame.function is not None:
            self.frame.scope.shared.update(node.names)
        return True


def _symbol(value: Value, name: str) -> Value:
    return Unknown(name) if value is UNKNOWN else value


def _stops_gradient(context: ast.expr) -> bool:
    called = context.func if isinstance(context, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr in NO_GRADIENT


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


_HANDLERS: dict[type[ast.stmt], Callable[[Statements, Any], bool]] = {
    ast.Expr: Statements._expression,
    ast.Assign: Statements._assign,
    ast.AnnAssign: Statements._annotated,
    ast.AugAssign: Statements._augmented,
    ast.Delete: Statements._delete,
    ast.FunctionDef: Statements._function,
    ast.AsyncFunctionDef: Statements._function,
    ast.ClassDef: Statements._class,
    ast.Return: Statements._return,
    ast.Raise: Statements._leave,
    ast.Continue: Statements._leave,
    ast.Break: Statements._leave,
    ast.If: Statements._if,
    ast.While: Statements._while,
    ast.For: Statements._for,
    ast.AsyncFor: Statements._for,
    ast.With: Statements._with,
    ast.AsyncWith: Statements._with,
    ast.Try: Statements._try,
    ast.TryStar: Statements._try,
    ast.Match: Statements._match,
    ast.Import: lambda run, node: run.imported(node),
    ast.ImportFrom: lambda run, node: run.imported(node),
    ast.Global: Statements._global,
    ast.Nonlocal: Statements._global,
}
