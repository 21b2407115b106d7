"""Calls: of functions and classes of the tree, of libraries' functions and layers, and of what wraps them."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from xent.lint.events import Backward, Returned
from xent.lint.frameworks import datasets, libraries
from xent.lint.frameworks.site import Site
from xent.lint.machine import DEPTH, NO_GRADIENT, STEPS_ELSEWHERE, STEPS_OF_CALL, Exhausted, Frame, decorated
from xent.lint.objects import Objects, Super
from xent.lint.values import (
    NONE,
    UNKNOWN,
    Choice,
    Class,
    Const,
    External,
    Function,
    Kind,
    Link,
    Mapping,
    Method,
    Object,
    Partial,
    Scope,
    Seq,
    Tensor,
    Unknown,
    Value,
    constant,
    held,
    join,
    seq,
)


class Calls(Objects):
    """Calls of everything."""

    def call(self, function: Value, args: Sequence[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        """Return what a call gives."""
        self.tick()
        value = self._called(function, args, kwargs, node)
        if value is UNKNOWN and (len(args) + len(kwargs)) > 1 and not isinstance(function, Function | Class | Choice):
            libraries.handed_over(Site(self, args, kwargs, node))
        return value

    def _called(self, function: Value, args: Sequence[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        if isinstance(function, Function):
            return self.run(function, args, kwargs, node)
        if isinstance(function, Object):
            return self._call_object(function, args, kwargs, node)
        if isinstance(function, External):
            if function.name.startswith("builtins."):
                return self.builtin(function.name.removeprefix("builtins."), args, kwargs, node)
            return libraries.call(Site(self, args, dict(kwargs), node), function.name)
        if isinstance(function, Class):
            return self.instantiate(function, args, kwargs, node)
        if isinstance(function, Method):
            return self._call_method(function, args, kwargs, node)
        if isinstance(function, Partial):
            return self._call_partial(function, args, kwargs, node)
        if isinstance(function, Choice):
            found = [self.call(option, args, kwargs, node) for option in self._open(function)]
            value = found[0]
            for other in found[1:]:
                value = join(value, other)
            return value
        return UNKNOWN

    def _open(self, choice: Choice) -> tuple[Value, ...]:
        """Return the options that the arms which run leave open: the test that chose may be one of theirs."""
        if choice.test is not None and self.assumed:
            text = ast.dump(choice.test)
            for test, held_true in self.assumed:
                if ast.dump(test) == text:
                    return choice.options[:1] if held_true else choice.options[1:]
        return choice.options

    def _call_object(self, this: Object, args: Sequence[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        if this.cls is None:
            return libraries.apply(Site(self, args, kwargs, node), this)
        if isinstance(this.attrs.get("forward"), Value):
            return self.call(this.attrs["forward"], args, kwargs, node)
        for name in ("forward", "call", "__call__"):
            for cls in this.cls.line_up():
                found = cls.names.get(name)
                if isinstance(found, Function):
                    self.ready(this)
                    if name == "call" and "training" in kwargs:
                        kwargs = (
                            {k: v for k, v in kwargs.items() if k != "training"}
                            if not _takes(found, "training")
                            else kwargs
                        )
                    return self.run(found.bind(this), args, kwargs, node)
        self.ready(this)
        if isinstance(this.attrs.get("?outputs"), Value):
            return held(this.attrs, "?outputs")
        for library in this.cls.libraries():
            if library not in ("object", "torch.nn.Module"):
                site = Site(self, args, kwargs, node)
                options = this.attrs.get("?options")
                if isinstance(options, dict):
                    this = Object(None, library, (), options, this.module, this.node)
                return libraries.apply(site, this, library)
        return UNKNOWN

    def _call_method(self, method: Method, args: Sequence[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        base, name = method.base, method.name
        if isinstance(base, Mapping):
            return self._call_mapping(base, name, args, node)
        if isinstance(base, Const):
            return UNKNOWN
        return libraries.method(Site(self, args, dict(kwargs), node), base, name)

    def _call_mapping(self, base: Mapping, name: str, args: Sequence[Value], node: ast.AST) -> Value:
        if name in ("get", "pop", "setdefault") and args:
            found = self.item(base, args[0])
            if isinstance(found, Unknown) and len(args) > 1 and ... not in base.store and isinstance(args[0], Const):
                return args[1]
            return found
        if name == "update" and args and isinstance(args[0], Mapping):
            for key, value in args[0].store.items():
                self.write(base.store, key, value)
        if name == "items":
            return seq(
                [seq([Const(k), v], mutable=False) for k, v in base.store.items() if k is not ...],
                ... not in base.store,
            )
        if name == "values":
            return seq([v for k, v in base.store.items() if k is not ...], ... not in base.store)
        if name == "keys":
            return seq([Const(k) for k in base.store if k is not ...], ... not in base.store)
        return base if name == "copy" else UNKNOWN

    def _call_partial(self, partial: Partial, args: Sequence[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        if partial.how.startswith("drop"):
            return self.call(partial.function, list(args)[int(partial.how[-1]) :], kwargs, node)
        value = self.call(partial.function, (*partial.args, *args), {**partial.kwargs, **kwargs}, node)
        if partial.how in ("grad", "value_and_grad"):
            loss = value.items[0] if isinstance(value, Seq) and value.items else value
            if isinstance(loss, Tensor):
                self.emit(Backward(self.module, node, loss))
        if partial.how == "grad":
            return UNKNOWN
        if partial.how == "value_and_grad":
            return seq([value, UNKNOWN], mutable=False)
        return value

    def run(self, function: Function, args: Sequence[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        """Evaluate the body of a function of the tree."""
        if len(self.frames) > DEPTH or self.running(function.node) > 1 or function.node in self.endless:
            self.cut += 1
            return UNKNOWN
        if not function.module.carries(function.node) and function.node is not self.entry:
            return UNKNOWN
        key = self._signature(function, args, kwargs)
        if key is not None and key in self.memo:
            value, events = self.memo[key]
            self.events.extend(events)
        else:
            effects, cut, start = self.effects, self.cut, len(self.events)
            value = self._within_steps(function, args, kwargs)
            if key is not None and effects == self.effects and cut == self.cut and sign(value) is not None:
                self.memo[key] = value, tuple(self.events[start:])
        if isinstance(value, Tensor) and value.made is not None and isinstance(node, ast.Call):
            self.emit(Returned(self.module, node, value.made, function.node))
        return value

    def _within_steps(self, function: Function, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
        """Evaluate a body, unless it takes too long: then it is as if nothing were known of it, now and later."""
        outer, mark = self.deadline, len(self.journal)
        steps = STEPS_OF_CALL[min(len(self.frames), len(STEPS_OF_CALL)) - 1]
        own = self.steps + (steps if function.module is self.frames[0].module else min(steps, STEPS_ELSEWHERE))
        self.deadline = min(outer, own)
        try:
            return self._run(function, args, kwargs)
        except Exhausted:
            if own >= outer:
                raise
            self.undo(mark)
            self.endless.add(function.node)
            self.cut += 1
            return UNKNOWN
        finally:
            self.deadline = outer

    def _signature(self, function: Function, args: Sequence[Value], kwargs: dict[str, Value]) -> object:
        """Return what a call's result depends on, or None where that cannot be said."""
        if function.scope is not None and function.scope.outer is not None:
            return None  # it closes over names that change
        bound = sign(function.bound) if function.bound is not None else ()
        signs = tuple(sign(arg) for arg in args)
        named = tuple((name, sign(value)) for name, value in kwargs.items())
        if bound is None or None in signs or any(each is None for _, each in named):
            return None
        return function.node, bound, signs, named, bool(self.untraced)

    def _run(self, function: Function, args: Sequence[Value], kwargs: dict[str, Value]) -> Value:
        names = self.bind(function, args, kwargs)
        self.evaluated.add(function.node)
        self.frames.append(Frame(function.module, Scope(names, function.scope), function, function.bound))
        untraced = decorated(function, *NO_GRADIENT)
        self.untraced += untraced
        try:
            if isinstance(function.node, ast.Lambda):
                return self.evaluate(function.node.body)
            self.body(function.node.body)
            self._inner(function)
            returned = self.frame.returned
        finally:
            self.frames.pop()
            self.untraced -= untraced
        if not returned:
            return NONE
        value = self._returned(function, *returned[0])
        for other in returned[1:]:
            value = join(value, self._returned(function, *other))
        return value

    def _inner(self, function: Function) -> None:
        """Evaluate the functions within one that it only hands on: an optimiser's closure, a hook."""
        for value in list(self.frame.scope.names.values()):
            if isinstance(value, Function) and value.scope is self.frame.scope and value.node not in self.evaluated:
                if isinstance(value.node, ast.Lambda) or not function.module.losses(value.node):
                    continue
                self.run(value, (), {}, value.node)

    def body(self, statements: Sequence[ast.stmt]) -> bool:
        """Run statements; whether the flow comes out at their end."""
        raise NotImplementedError

    def _returned(self, function: Function, value: Value, node: ast.AST) -> Value:
        if isinstance(value, Tensor) and value.trail is not None:
            return value.but(trail=Link(f"{function.name} returns it", function.module, node, value.trail))
        if isinstance(value, Seq) and not value.mutable and any(isinstance(item, Tensor) for item in value.items):
            return seq([self._returned(function, item, node) for item in value.items], value.exact, mutable=False)
        return value

    def builtin(self, name: str, args: Sequence[Value], kwargs: dict[str, Value], node: ast.AST) -> Value:
        """Call a function that is built into Python."""
        first = args[0] if args else UNKNOWN
        if name == "super":
            return self._super(args)
        if name == "getattr" and len(args) >= 2 and isinstance(args[1], Const) and isinstance(args[1].value, str):
            found = self.attribute(first, args[1].value, node)
            return found if not isinstance(found, Method) or len(args) < 3 else UNKNOWN
        if name == "setattr" and len(args) == 3 and isinstance(first, Object) and isinstance(args[1], Const):
            self.write(first.attrs, args[1].value, args[2])
            return NONE
        if name in ("list", "tuple"):
            if isinstance(first, Seq):
                return seq(first.items, first.exact, name == "list")
            children = first.attrs.get("?children") if isinstance(first, Object) else None
            if isinstance(children, Seq):
                return seq(children.items, children.exact)
            return seq(()) if not args else UNKNOWN
        if name == "dict":
            if isinstance(first, Mapping):
                return Mapping({**first.store, **kwargs})
            return Mapping(dict(kwargs)) if not args else UNKNOWN
        if name == "enumerate" and isinstance(first, Object) and not isinstance(first.attrs.get("?children"), Seq):
            return seq([seq([UNKNOWN, datasets.element(self, first, node)], mutable=False)], False)
        if name in ("iter", "reversed") and name == "iter":
            return first
        if name == "next" and isinstance(first, Object):
            return datasets.element(self, first, node)
        if name == "enumerate" and isinstance(first, Seq):
            return seq([seq([Const(i), item], mutable=False) for i, item in enumerate(first.items)], first.exact)
        if name == "zip" and args and all(isinstance(arg, Seq) for arg in args):
            rows = zip(*(arg.items for arg in args if isinstance(arg, Seq)), strict=False)
            return seq([seq(row, mutable=False) for row in rows], all(isinstance(a, Seq) and a.exact for a in args))
        if name == "len" and isinstance(first, Seq) and first.exact:
            return Const(len(first.items))
        if name in ("float", "int") and isinstance(first, Tensor):
            return first if first.kind is Kind.LOSS else UNKNOWN
        if name == "sum":
            if (
                isinstance(first, Seq)
                and first.items
                and isinstance(first.items[0], Tensor)
                and first.items[0].kind is Kind.LOSS
            ):
                return first.items[0]
            return (
                libraries.method(Site(self, args[1:], kwargs, node), first, "sum")
                if isinstance(first, Tensor)
                else UNKNOWN
            )
        if name == "round" and isinstance(first, Tensor):
            return libraries.method(Site(self, (), {}, node), first, "round")
        if name == "isinstance" and len(args) == 2:
            return self._isinstance(first, args[1])
        if name in ("str", "int", "float", "bool") and isinstance(constant(first), str | int | float) and not kwargs:
            return Const(bool(constant(first))) if name == "bool" else first
        return UNKNOWN

    def _isinstance(self, value: Value, kind: Value) -> Value:
        if isinstance(kind, External) and kind.name in ("tuple", "list", "dict") and isinstance(value, Tensor | Object):
            return Const(False)
        if isinstance(kind, Class) and isinstance(value, Object) and value.cls is not None:
            return Const(kind in value.cls.line_up())
        return UNKNOWN

    def _super(self, args: Sequence[Value]) -> Value:
        if len(args) == 2 and isinstance(args[0], Class):
            return Super(args[1], args[0])
        for frame in reversed(self.frames):
            if frame.function is not None and frame.function.owner is not None and frame.this is not None:
                return Super(frame.this, frame.function.owner)
        return UNKNOWN


def sign(value: Value) -> object:
    """Return what tells a value from others, so far as a function that gets it can see; None where that is open."""
    if isinstance(value, Unknown | Method):
        return "?"
    if isinstance(value, Const):
        return ("const", value.value) if isinstance(value.value, str | int | float | None) else None
    if isinstance(value, External):
        return ("name", value.name)
    if isinstance(value, Tensor):
        facts = (
            value.kind,
            value.axis,
            value.class_axis,
            value.rank,
            value.origin,
            value.softened,
            value.of,
            value.made,
            value.marks,
        )
        links = (value.detached is None, value.tempered is None, value.call)
        return ("tensor", facts, links, value.classes if isinstance(value.classes, Const) else id(value.classes))
    if isinstance(value, Object):
        if value.cls is None or value.attrs.get("?made", 0) not in (0, len(value.attrs) - 1):
            return ("object", id(value)) if value.cls is None and not value.attrs else None
        signs = tuple(sign(arg) for arg in (*value.args, *value.kwargs.values()))
        return ("made", value.cls, value.name, tuple(value.kwargs), signs) if None not in signs else None
    if isinstance(value, Class):
        return ("class", value)
    if isinstance(value, Seq) and not value.mutable:
        signs = tuple(sign(item) for item in value.items)
        return ("seq", value.exact, signs) if None not in signs else None
    return None


def _takes(function: Function, name: str) -> bool:
    given = function.node.args
    return given.kwarg is not None or any(a.arg == name for a in (*given.args, *given.kwonlyargs))
