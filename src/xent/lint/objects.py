"""Attributes, classes and instances: what ``self.head`` is, who assigned it, and which method a name finds."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace

from xent.lint.frameworks import datasets, libraries
from xent.lint.machine import Frame, Machine, decorated
from xent.lint.values import (
    UNKNOWN,
    Choice,
    Class,
    Const,
    External,
    Function,
    Mapping,
    Method,
    ModuleRef,
    Object,
    Partial,
    Scope,
    Seq,
    Store,
    Tensor,
    Unknown,
    Value,
    held,
    join,
    seq,
)

#: The name of an instance that only an annotation speaks of: what it was made with is not known.
ASSUMED = "?assumed"


class Super(Value):
    """What ``super()`` gives: the methods of the classes after one, bound to the object."""

    __slots__ = ("after", "this")

    def __init__(self, this: Value, after: Class) -> None:
        self.this = this
        self.after = after


class Objects(Machine):
    """Attributes and instances."""

    def attribute(self, base: Value, name: str, node: ast.AST) -> Value:
        """Return ``base.name``."""
        if isinstance(base, External):
            return libraries.external(f"{base.name}.{name}")
        if isinstance(base, ModuleRef):
            return self._of_module(base, name)
        if isinstance(base, Object):
            return self._of_object(base, name, node)
        if isinstance(base, Class):
            return self._of_class(base, name, base)
        if isinstance(base, Super):
            line = base.this.cls.line_up() if isinstance(base.this, Object) and base.this.cls else base.after.line_up()
            rest = line[line.index(base.after) + 1 :] if base.after in line else line[1:]
            for cls in rest:
                if name in cls.names:
                    return self._bound(cls.names[name], base.this, cls, node)
            return Method(base.this, f"super.{name}")
        if (
            isinstance(base, Mapping) and name in base.store
        ):  # an attribute dictionary; methods come first by their names
            return base.store[name] if isinstance(base.store[name], Value) else Method(base, name)
        if isinstance(base, Function | Partial) and name == "__call__":
            return base
        if isinstance(base, Choice):
            return self._of_each(base, name, node)
        return Method(base, name)

    def _of_each(self, base: Choice, name: str, node: ast.AST) -> Value:
        """Return an attribute of one of several objects: what they have in common, or the method of each."""
        found = [self.attribute(option, name, node) for option in base.options]
        if all(isinstance(each, Function | Method) for each in found):
            return Choice(tuple(found), base.test)
        value = found[0]
        for other in found[1:]:
            value = join(value, other)
        return value

    def _of_module(self, base: ModuleRef, name: str) -> Value:
        value = self.in_module(base.module, name)
        if isinstance(value, Unknown):
            package = base.module.path.rpartition("__init__.py")
            if package[1]:
                found = self.tree.find(f".{name}".lstrip("."), base.module, 1)
                if found is not None:
                    return ModuleRef(found)
        return value

    def _of_class(self, cls: Class, name: str, this: Value) -> Value:
        for each in cls.line_up():
            if name in each.names:
                value: Value = each.names[name]
                if isinstance(value, Function) and decorated(value, "classmethod"):
                    return value.bind(this)
                return value
        return Method(cls, name)

    def _of_object(self, base: Object, name: str, node: ast.AST) -> Value:
        if base.cls is None:
            if name in base.attrs:
                return held(base.attrs, name)
            return libraries.attribute(self, base, name, node)
        self.ready(base)
        if name in base.attrs:
            return held(base.attrs, name)
        for cls in base.cls.line_up():
            if name in cls.names:
                return self._bound(cls.names[name], base, cls, node)
        if name == "training":
            return Const(True)
        if name == "__call__":
            return base
        self._assigned_elsewhere(base, name)
        if name in base.attrs:
            return held(base.attrs, name)
        return Method(base, name)

    def _bound(self, value: Value, this: Value, cls: Class, node: ast.AST) -> Value:
        if not isinstance(value, Function):
            return value
        if decorated(value, "staticmethod"):
            return value
        if decorated(value, "classmethod"):
            return value.bind(cls)
        bound = value.bind(this)
        if decorated(value, "property", "cached_property"):
            return self.run(bound, (), {}, node)
        return bound

    def _assigned_elsewhere(self, base: Object, name: str) -> None:
        """Evaluate the one method, beside ``__init__``, that assigns an attribute which nothing has assigned yet."""
        assert base.cls is not None
        if base.attrs.get(f"?{name}"):
            return
        self.write(base.attrs, f"?{name}", True)
        for cls in base.cls.line_up():
            writers = [method for method in cls.module.writers(cls.node).get(name, []) if not self.running(method)]
            if writers:
                found = cls.names.get(writers[0].name)
                if len(writers) == 1 and isinstance(found, Function) and found.node is writers[0]:
                    self.run(found.bind(base), (), {}, found.node)
                return

    def ready(self, this: Object) -> None:
        """Run ``__init__`` once, when the first attribute is asked for."""
        if this.cls is None or "?ready" in this.attrs:
            return
        this.attrs["?ready"] = True
        journal, self.journal = self.journal, []  # it stays made, whatever branch looked at it first
        effects = self.effects
        try:
            self._make(this, this.cls)
        finally:
            self.journal, self.effects = journal, effects
            this.attrs["?made"] = len(this.attrs)

    def _make(self, this: Object, made: Class) -> None:
        if this.name == ASSUMED:
            fields = [each for cls in made.line_up() for each in cls.node.body if isinstance(each, ast.AnnAssign)]
            for each in fields:
                if isinstance(each.target, ast.Name) and _is_one(each.value):
                    self.write(this.attrs, each.target.id, Unknown(each.target.id))
        for cls in made.line_up():
            init = cls.names.get("__init__")
            if isinstance(init, Function):
                self.run(init.bind(this), this.args, this.kwargs, this.node)
                return
        names = [
            each.target.id
            for cls in reversed(made.line_up())
            for each in cls.node.body
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
        ]
        for cls in reversed(made.line_up()):
            for field in names:
                default = cls.names.get(field)
                if isinstance(default, Partial) and default.how == "field":
                    self.write(this.attrs, field, self.call(default.function, (), {}, this.node))
        for field, value in zip(names, this.args, strict=False):
            self.write(this.attrs, field, value)
        for field, value in this.kwargs.items():
            if field in names:
                self.write(this.attrs, field, value)
        if any(name.endswith(".Sequential") for name in made.libraries()):
            libraries.fill(self, this, this.args)

    def instantiate(self, cls: Class, args: Sequence[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        """Return an instance; its ``__init__`` waits until it is looked at."""
        if any(name in ("enum.Enum", "typing.NamedTuple") for name in cls.libraries()):
            return UNKNOWN
        this = Object(cls, "", tuple(args), kwargs, self.module, node)
        self.instances.append(this)
        return this

    def bind(self, function: Function, args: Sequence[Value], kwargs: dict[str, Value]) -> Store:
        """Return the names that a call gives to a function's body."""
        given = function.node.args
        names: Store = {}
        values = list(args) if function.bound is None else [function.bound, *args]
        parameters = [*given.posonlyargs, *given.args]
        rest = dict(kwargs)
        first_default = len(parameters) - len(given.defaults)
        for position, parameter in enumerate(parameters):
            default = given.defaults[position - first_default] if position >= first_default else None
            if position < len(values):
                names[parameter.arg] = values[position]
            else:
                names[parameter.arg] = self._left_out(function, parameter, default, rest)
        for parameter, keyword_default in zip(given.kwonlyargs, given.kw_defaults, strict=True):
            names[parameter.arg] = self._left_out(function, parameter, keyword_default, rest)
        if given.vararg:
            names[given.vararg.arg] = seq(values[len(parameters) :], bool(args), mutable=False)
        if given.kwarg:
            names[given.kwarg.arg] = Mapping({**rest, **({} if args or kwargs else {...: UNKNOWN})})
        return names

    def _left_out(
        self, function: Function, parameter: ast.arg, default: ast.expr | None, rest: dict[str, Value]
    ) -> Value:
        if parameter.arg in rest:
            return rest.pop(parameter.arg)
        value: Value = UNKNOWN
        assumed = isinstance(function.bound, Object) and function.bound.name == ASSUMED and _is_one(default)
        if default is not None and not assumed and not (function.node is self.entry and _is_none(default)):
            value = self.elsewhere(function, default)
        if parameter.annotation is not None and (not isinstance(value, Const) or value.value is None):
            hinted = self._hinted(function, parameter.annotation)
            value = hinted if default is None or not isinstance(hinted, Unknown) else value
        return Unknown(parameter.arg) if value is UNKNOWN else value

    def _hinted(self, function: Function, annotation: ast.expr) -> Value:
        if isinstance(annotation, ast.Constant | ast.BinOp | ast.Subscript):
            return UNKNOWN
        kind = self.elsewhere(function, annotation)
        if isinstance(kind, Class):
            made = self.instantiate(kind, (), {}, annotation)
            return replace(made, name=ASSUMED) if isinstance(made, Object) else made
        return libraries.hinted(self, kind, annotation)

    def elsewhere(self, function: Function, expression: ast.expr) -> Value:
        """Evaluate a default or an annotation where its function was defined."""
        if isinstance(expression, ast.Constant):
            return Const(expression.value)
        self.frames.append(Frame(function.module, function.scope or Scope({})))
        try:
            return self.evaluate(expression)
        finally:
            self.frames.pop()

    def item(self, base: Value, key: Value) -> Value:
        """Return ``base[key]`` of a sequence, a mapping or an object with children."""
        index = key.value if isinstance(key, Const) else None
        if isinstance(base, Object):
            children = base.attrs.get("?children")
            if isinstance(index, str) and isinstance(base.attrs.get(index), Value):
                return held(base.attrs, index)
            if isinstance(children, Seq):
                return self.item(children, key)
            return UNKNOWN
        if isinstance(base, Seq):
            if base.exact and isinstance(index, int) and -len(base.items) <= index < len(base.items):
                return base.items[index]
            if len(base.items) == 1 and not base.exact:
                return base.items[0]
            return _any_of(list(base.items))
        if isinstance(base, Mapping):
            if isinstance(key, Const) and index in base.store:
                return held(base.store, index)
            if not isinstance(key, Const):
                ids = datasets.ids(base)
                if ids is not None:
                    return ids
                return _any_of([value for name, value in base.store.items() if name is not ...])
        return UNKNOWN


def _any_of(values: list[Value]) -> Value:
    """Return one of several, if all are callables: a choice by a flag that is not known."""
    if not values or any(isinstance(value, Tensor | Unknown) for value in values):
        return UNKNOWN
    value = values[0]
    for other in values[1:]:
        value = join(value, other)
    return value


def _is_one(node: ast.expr | None) -> bool:
    """Whether a default is 1, which is as often a placeholder as a count of classes."""
    return isinstance(node, ast.Constant) and node.value == 1 and not isinstance(node.value, bool)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
