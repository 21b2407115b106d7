"""Statements, modules and entry points: in which order a program's bodies are evaluated, and from where."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from xent.lint.expressions import Expressions
from xent.lint.frameworks import datasets, libraries, tensors, torch
from xent.lint.machine import STEPS, Exhausted, Frame
from xent.lint.project import Module
from xent.lint.values import (
    UNKNOWN,
    Class,
    Const,
    Deferred,
    External,
    Function,
    Kind,
    Link,
    Mapping,
    Method,
    ModuleRef,
    Object,
    Seq,
    Tensor,
    Unknown,
    Value,
    constant,
    seq,
)

_BUILTINS = frozenset(
    [
        "super",
        "getattr",
        "setattr",
        "list",
        "tuple",
        "dict",
        "enumerate",
        "zip",
        "len",
        "float",
        "int",
        "sum",
        "round",
        "isinstance",
        "str",
        "bool",
        "reversed",
        "range",
    ]
)
_UNROLLED = 24
#: Bases that are long, and say nothing of which value meets which loss.
_FRAMES = frozenset(
    {"PreTrainedModel", "GenerationMixin", "PushToHubMixin", "TFPreTrainedModel", "FlaxPreTrainedModel"}
)


class Interpreter(Expressions):
    """The whole machine."""

    loops = 0  # that the running statement stands in

    # ---- modules

    def load(self, module: Module) -> None:
        """Evaluate the body of a module, once; what it writes stays, whatever branch asked for it."""
        module.loading = True
        journal, self.journal = self.journal, []
        frames, self.frames = (
            self.frames,
            [*self.frames[:1], Frame(module, module.scope)]
            if len(self.frames) > 40
            else [
                *self.frames,
                Frame(module, module.scope),
            ],
        )
        try:
            self.body(module.tree.body)
        except RecursionError:
            pass
        finally:
            self.journal, self.frames = journal, frames
            module.loading, module.loaded = False, True

    def starred(self, module: Module, name: str) -> Value:
        """Return a name that came by a star, or is built in."""
        for star in module.stars:
            found = libraries.external(f"{star}.{name}")
            if _in_tables(found.name):
                return found
        return External(f"builtins.{name}") if name in _BUILTINS else UNKNOWN

    def check(self, module: Module) -> None:
        """Evaluate all that a file holds: its body, then each function and method that nothing has called."""
        self.steps = 0
        self.deadline = STEPS
        self.evaluated -= module.functions
        self.events = []
        try:
            if not module.loaded and not module.loading:
                self.load(module)
            entries = list(self._functions(module, module.tree.body, None))
            for function in _telling(module, entries):
                self._enter(module, function)
            for value in list(module.scope.names.values()):
                if (
                    isinstance(value, Function)
                    and isinstance(value.node, ast.Lambda)
                    and value.node not in self.evaluated
                ):
                    self.frames = [Frame(module, module.scope)]
                    self.run(value, (), {}, value.node)
            for cls in list(module.scope.names.values()):
                if (
                    isinstance(cls, Class)
                    and cls.module is module
                    and any(isinstance(base, Class) for base in cls.bases)
                ):
                    self._enter_instance(self.instance(cls), True)
            for instance in self._made():
                self._enter_instance(instance)
        except Exhausted:
            self.frames.clear()
            self.journal.clear()

    def _functions(
        self, module: Module, body: Sequence[ast.stmt], cls: ast.ClassDef | None
    ) -> Iterator[tuple[ast.ClassDef | None, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield cls, node
            elif isinstance(node, ast.ClassDef):
                yield from self._functions(module, node.body, node)
            elif isinstance(node, ast.If | ast.Try | ast.With):
                yield from self._functions(module, node.body, cls)
                if isinstance(node, ast.If):
                    yield from self._functions(module, node.orelse, cls)

    def _enter(self, module: Module, entry: tuple[ast.ClassDef | None, ast.FunctionDef | ast.AsyncFunctionDef]) -> None:
        cls_node, node = entry
        if node in self.evaluated:
            return
        mark = len(self.journal)
        self.frames = [Frame(module, module.scope)]
        self.entry = node
        try:
            if cls_node is None:
                value = module.scope.names.get(node.name)
                if not (isinstance(value, Function) and value.node is node):
                    value = Function(node, module, module.scope)
                self.run(value, (), self._like_globals(module, node), node)
                return
            cls = module.scope.names.get(cls_node.name)
            if isinstance(cls, Class) and cls.node is cls_node:
                method = cls.names.get(node.name)
                if not isinstance(method, Function) or method.node is not node:
                    return
                this = self.instance(cls)
                self.ready(this)
                if node.name != "__init__":
                    self.run(method.bind(this) if not _static(node) else method, self._given(this, node), {}, node)
        except RecursionError:
            return
        finally:
            self.undo(mark)
            self.frames = []

    def _like_globals(self, module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, Value]:
        """Return the module's own objects for parameters of their names, for a function that the file never calls."""
        names = [a.arg for a in (*node.args.args, *node.args.kwonlyargs)]
        found = {name: module.scope.names.get(name) for name in names}
        return {name: value for name, value in found.items() if isinstance(value, Object) and value.module is module}

    def _given(self, this: Object, node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[Value, ...]:
        """Return what a framework hands to a hook: a batch of the module's own loader, or a trainer's model."""
        names = [a.arg for a in node.args.args[1:2]]
        if node.name in ("training_step", "validation_step", "test_step"):
            assert this.cls is not None
            for cls in this.cls.line_up():
                loader = cls.names.get("train_dataloader")
                if isinstance(loader, Function):
                    return (datasets.element(self, self.run(loader.bind(this), (), {}, node), node),)
        if names == ["model"] and (model := this.argument(0, "model")) is not None:
            return (model,)
        return ()

    def instance(self, cls: Class) -> Object:
        """Return an instance of a class as it is made with its defaults."""
        return Object(cls, "", (), {}, cls.module, cls.node)

    def _made(self) -> list[Object]:
        counts: dict[Class, int] = {}
        chosen = []
        for instance in self.instances:
            assert instance.cls is not None
            counts[instance.cls] = counts.get(instance.cls, 0) + 1
            if counts[instance.cls] <= 2 and (instance.args or instance.kwargs):
                chosen.append(instance)
        self.instances.clear()
        return chosen

    def _enter_instance(self, this: Object, inherited: bool = False) -> None:
        """Evaluate the methods of an instance that the program made, or those that a class inherits.

        A driver that is not seen may call them.
        """
        assert this.cls is not None
        if not inherited and not any(known_argument(value) for value in (*this.args, *this.kwargs.values())):
            return
        for cls in this.cls.line_up()[1 if inherited else 0 :]:
            for name, method in list(cls.names.items()):
                if inherited and name in this.cls.names:
                    continue
                if not isinstance(method, Function) or isinstance(method.node, ast.Lambda) or name == "__init__":
                    continue
                if name in ("forward", "call", "__call__") or not method.module.losses(method.node):
                    continue
                mark = len(self.journal)
                self.frames = [Frame(method.module, method.module.scope)]
                self.entry = method.node
                try:
                    given = self._given(this, method.node)
                    self.run(method.bind(this) if not _static(method.node) else method, given, {}, method.node)
                except RecursionError:
                    pass
                finally:
                    self.undo(mark)
                    self.frames = []

    # ---- statements

    def body(self, statements: Sequence[ast.stmt]) -> bool:
        """Run statements; whether the flow comes out at their end."""
        for statement in statements:
            self.tick()
            handler = _STATEMENTS.get(type(statement))
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
        old = self.evaluate(_loaded(target))
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
        if isinstance(value, tensors.Shape):
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
            if "zeros" in base.marks and base.rank == 1 and constant(value) == 1 and self.loops:
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
        self.remap(target, value, node)

    def remap(self, target: ast.Subscript, value: Value, node: ast.AST | None) -> None:
        """Tell the rules of ``labels[labels == 255] = 0``."""
        if isinstance(target.slice, ast.Compare):
            tensors.remap(self.site(node or target), target.slice, target.value, value)

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
        """Call the tree's own decorators for what they register; what they return is taken to be what they were given."""
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
        return self.arms([lambda: self.body(node.body), lambda: self.body(node.orelse)])

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
        return self.body(node.body)

    def _try(self, node: ast.Try) -> bool:
        whole = [*node.body, *node.orelse]
        arms: list[Callable[[], bool]] = [lambda: self.body(whole)]
        arms += [lambda handler=handler: self.body(handler.body) for handler in node.handlers]  # type: ignore[misc]
        flows = self.arms(arms) if len(arms) > 1 else arms[0]()
        if node.finalbody:
            return self.body(node.finalbody) and flows
        return flows

    def _match(self, node: ast.Match) -> bool:
        subject = constant(self.evaluate(node.subject))
        for case in node.cases:
            pattern = case.pattern
            if subject is not None and isinstance(pattern, ast.MatchValue) and isinstance(pattern.value, ast.Constant):
                if pattern.value.value == subject:
                    return self.body(case.body)
        return self.arms([*(lambda case=case: self.body(case.body) for case in node.cases), lambda: True])  # type: ignore[misc]

    def _global(self, node: ast.Global | ast.Nonlocal) -> bool:
        if self.frame.function is not None:
            self.frame.scope.shared.update(node.names)
        return True

    def _import(self, node: ast.Import) -> bool:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            self.assign(alias.asname or name, Deferred(self.module, name, None, 0))
        return True

    def resolve(self, name: Deferred) -> Value:
        """Follow an import, now that its name is looked at."""
        if name.bound in _FRAMES:
            return External(f"transformers.{name.bound}")
        found = self.tree.find(name.name, name.module, name.level) if name.name or name.level else None
        if name.bound is None:
            return ModuleRef(found) if found is not None else libraries.external(name.name)
        value: Value = UNKNOWN
        if found is not None and len(self.frames) < 60:
            value = self.in_module(found, name.bound)
        if isinstance(value, Unknown):
            inner = self.tree.find(f"{name.name}.{name.bound}" if name.name else name.bound, name.module, name.level)
            if inner is not None:
                return ModuleRef(inner)
            if found is None and not name.level:
                return libraries.external(f"{name.name}.{name.bound}")
        return value

    def _import_from(self, node: ast.ImportFrom) -> bool:
        name = node.module or ""
        for alias in node.names:
            if alias.name == "*":
                self._star(self.tree.find(name, self.module, node.level), name)
            else:
                bound = alias.asname or alias.name
                self.assign(bound, Deferred(self.module, name, alias.name, node.level))
                if len(self.frames) == 1 and self.module.text.count(bound) == 1:
                    self.lookup(bound)  # imported for what it registers
        return True

    def _star(self, found: Module | None, name: str) -> None:
        if found is None:
            self.module.stars.append(libraries.external(name).name)
            return
        if not found.loaded and not found.loading and len(self.frames) < 60:
            self.load(found)
        for key, value in list(found.scope.names.items()):
            if not key.startswith("_"):
                self.assign(key, value)
        self.module.stars.extend(found.stars)


Entry = tuple[ast.ClassDef | None, ast.FunctionDef | ast.AsyncFunctionDef]


def _telling(module: Module, entries: list[Entry]) -> list[Entry]:
    """Return the functions that could meet a loss by their words, and those that call one of these by its name."""
    chosen = {node for _, node in entries if module.tells(node)}
    meeting = {node for node in chosen if module.losses(node)}
    names = {node.name for cls, node in entries if cls is None and node in meeting}
    names |= {cls.name for cls, node in entries if cls is not None and node in meeting}
    if names:
        chosen |= {node for _, node in entries if node not in chosen and module.calls(node, names)}
    return [entry for entry in entries if entry[1] in chosen]


def known_argument(value: Value) -> bool:
    """Whether an argument says something of which loss or which model is meant."""
    return isinstance(value, Object | Function | Class | External | Seq | Mapping)


def _symbol(value: Value, name: str) -> Value:
    return Unknown(name) if value is UNKNOWN else value


def _loaded(target: ast.expr) -> ast.expr:
    return target


def _static(node: ast.AST) -> bool:
    return any(getattr(d, "id", "") == "staticmethod" for d in getattr(node, "decorator_list", []))


def _is_main(test: ast.expr) -> bool:
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _in_tables(name: str) -> bool:
    from xent.lint.frameworks import jax, keras, sklearn

    tables = (torch.FUNCTIONS, torch.LAYERS, torch.LOSS_CLASSES, torch.LOSS_FUNCTIONS, keras.FUNCTIONS, keras.LAYERS)
    return any(name in table for table in (*tables, jax.FUNCTIONS, jax.LAYERS, jax.LOSSES, sklearn.FUNCTIONS)) or (
        name in torch.CONTAINERS
        or name.startswith("keras.losses.")
        or name in ("torch.nn", "torch.nn.functional", "torch.nn.Module")
    )


_STATEMENTS: dict[type[ast.stmt], Callable[[Interpreter, Any], bool]] = {
    ast.Expr: Interpreter._expression,
    ast.Assign: Interpreter._assign,
    ast.AnnAssign: Interpreter._annotated,
    ast.AugAssign: Interpreter._augmented,
    ast.Delete: Interpreter._delete,
    ast.FunctionDef: Interpreter._function,
    ast.AsyncFunctionDef: Interpreter._function,
    ast.ClassDef: Interpreter._class,
    ast.Return: Interpreter._return,
    ast.Raise: Interpreter._leave,
    ast.Continue: Interpreter._leave,
    ast.Break: Interpreter._leave,
    ast.If: Interpreter._if,
    ast.While: Interpreter._while,
    ast.For: Interpreter._for,
    ast.AsyncFor: Interpreter._for,
    ast.With: Interpreter._with,
    ast.AsyncWith: Interpreter._with,
    ast.Try: Interpreter._try,
    ast.TryStar: Interpreter._try,
    ast.Match: Interpreter._match,
    ast.Global: Interpreter._global,
    ast.Nonlocal: Interpreter._global,
    ast.Import: Interpreter._import,
    ast.ImportFrom: Interpreter._import_from,
}
__all__ = ["Interpreter", "Kind", "Link", "Method", "seq"]
