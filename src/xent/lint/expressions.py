"""Expressions: names, literals, arithmetic, subscripts, comprehensions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from xent.lint.arithmetic import Arithmetic
from xent.lint.events import LossCall, Threshold
from xent.lint.frameworks import datasets, shapes
from xent.lint.frameworks.losses import meet_shapes
from xent.lint.machine import Exhausted
from xent.lint.values import (
    NONE,
    UNKNOWN,
    Choice,
    Class,
    Comparison,
    Const,
    External,
    Function,
    Kind,
    Link,
    Mapping,
    Method,
    Object,
    Scope,
    Seq,
    Tensor,
    Unknown,
    Value,
    constant,
    held,
    join,
    known,
    same,
    seq,
)


class Expressions(Arithmetic):
    """What each kind of expression holds."""

    def evaluate(self, node: ast.expr) -> Value:
        """Return what an expression holds."""
        self.steps += 1
        if self.steps > self.deadline:
            raise Exhausted
        handler = _HANDLERS.get(type(node))
        if handler is None:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, ast.expr):
                    self.evaluate(child)
            return UNKNOWN
        return handler(self, node)

    def _constant(self, node: ast.Constant) -> Value:
        return Const(node.value) if node.value is not None else NONE

    def _name(self, node: ast.Name) -> Value:
        return self.lookup(node.id)

    def _attribute(self, node: ast.Attribute) -> Value:
        base = self.evaluate(node.value)
        if node.attr in ("data",) and isinstance(base, Tensor):
            return base.but(detached=Link(".data is cut off from the graph", self.module, node, base.trail))
        if isinstance(base, Seq) and node.attr in ("values", "indices") and len(base.items) == 2:
            return base.items[node.attr == "indices"]
        if node.attr == "shape" and isinstance(base, Tensor):
            return shapes.Shape(base)
        if node.attr == "T" and isinstance(base, Tensor):
            return base.but(class_axis=None, axis=None)
        value = self.attribute(base, node.attr, node)
        if isinstance(value, Method) and isinstance(value.base, Object) and value.base.name == "?output":
            return UNKNOWN
        return value

    def _call_expression(self, node: ast.Call) -> Value:
        function = self.evaluate(node.func)
        args: list[Value] = []
        for arg in node.args:
            if isinstance(arg, ast.Starred):
                value = self.evaluate(arg.value)
                children = value.attrs.get("?children") if isinstance(value, Object) else value
                if isinstance(children, Seq) and (children.items or children.exact):
                    args.extend(children.items)
                    if not children.exact and isinstance(function, External) and function.name.endswith("Sequential"):
                        args.insert(0, UNKNOWN)
                else:
                    args.append(UNKNOWN)
            else:
                args.append(self.evaluate(arg))
        kwargs: dict[str, Value] = {}
        for keyword in node.keywords:
            value = self.evaluate(keyword.value)
            if keyword.arg is not None:
                kwargs[keyword.arg] = value
            elif isinstance(value, Mapping):
                kwargs.update({key: v for key, v in value.store.items() if isinstance(key, str)})
        self.calls_seen.add(node)
        value = self.call(function, args, kwargs, node)
        if isinstance(value, Tensor) and value.call is not None and value.call.node is node:
            self._learn(node, value.call)
        return value

    def _learn(self, node: ast.Call, call: LossCall) -> None:
        """Take it from a loss of logits that a name which nothing is known of holds logits."""
        loss = call.loss
        if loss.takes != "logits" or loss.prediction not in loss.parameters:
            return
        if not isinstance(x := call.prediction, Unknown | Tensor) or (isinstance(x, Tensor) and x.kind is not Kind.ANY):
            return
        position = loss.parameters.index(loss.prediction)
        given = node.args[position] if position < len(node.args) else None
        for keyword in node.keywords:
            if keyword.arg == loss.prediction:
                given = keyword.value
        if isinstance(given, ast.Name) and self.lookup(given.id) is x:
            link = Link(f"{loss.name} takes logits", self.module, node)
            marks = frozenset({"decision"} if loss.family == "sigmoid" else ())
            tensor = x if isinstance(x, Tensor) else Tensor(Kind.ANY)
            self.assign(given.id, tensor.but(kind=Kind.LOGITS, origin=node, trail=link, marks=tensor.marks | marks))

    def _lambda(self, node: ast.Lambda) -> Value:
        return Function(node, self.module, self.frame.scope)

    def _tuple(self, node: ast.Tuple | ast.List) -> Value:
        items: list[Value] = []
        exact = True
        for element in node.elts:
            if isinstance(element, ast.Starred):
                value = self.evaluate(element.value)
                children = value.attrs.get("?children") if isinstance(value, Object) else value
                if isinstance(children, Seq):
                    items.extend(children.items)
                    exact = exact and children.exact
                else:
                    items.append(UNKNOWN)
                    exact = False
            else:
                items.append(self.evaluate(element))
        return seq(items, exact, isinstance(node, ast.List))

    def _dict(self, node: ast.Dict) -> Value:
        store: dict[Any, Any] = {}
        for key, expression in zip(node.keys, node.values, strict=True):
            value = self.evaluate(expression)
            if key is None:
                store.update(value.store if isinstance(value, Mapping) else {...: UNKNOWN})
                continue
            name = self.evaluate(key)
            if isinstance(name, Const) and isinstance(name.value, str | int | bool | float | None):
                store[name.value] = value
            else:
                store[...] = UNKNOWN
        return Mapping(store)

    def _either(self, node: ast.IfExp) -> Value:
        test = self.truth(self.evaluate(node.test))
        if test is not None:
            return self.evaluate(node.body if test else node.orelse)
        found: list[Value] = []

        def arm(branch: ast.expr) -> bool:
            found.append(self.evaluate(branch))
            return True

        self.arms([lambda: arm(node.body), lambda: arm(node.orelse)], node.test)
        value = join(*found)
        return (
            Choice(value.options, node.test) if isinstance(value, Choice) and value.options == tuple(found) else value
        )

    def _bool(self, node: ast.BoolOp) -> Value:
        for position, each in enumerate(node.values):
            value = self.evaluate(each)
            test = self.truth(value)
            last = position == len(node.values) - 1
            if last or (test is (not isinstance(node.op, ast.And)) and test is not None):
                return value
            if test is None:
                for rest in node.values[position + 1 :]:
                    self.evaluate(rest)
                return UNKNOWN
        return UNKNOWN

    def truth(self, value: Value) -> bool | None:
        """Return whether a condition holds, or None where that depends."""
        if isinstance(value, Const):
            return bool(value.value)
        if isinstance(value, Object | Function | Class | Tensor):
            return None if isinstance(value, Tensor) or (isinstance(value, Object) and value.cls is not None) else True
        return None

    def _unary(self, node: ast.UnaryOp) -> Value:
        value = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            test = self.truth(value)
            return UNKNOWN if test is None else Const(not test)
        number = constant(value)
        if isinstance(node.op, ast.USub) and isinstance(number, int | float):
            return Const(-number)
        if isinstance(value, Tensor) and isinstance(node.op, ast.USub):
            if value.kind is Kind.LOSS:
                return value.but(marks=value.marks ^ {"negated"})
            return Tensor(Kind.ANY, rank=value.rank)
        return UNKNOWN

    def _compare(self, node: ast.Compare) -> Value:
        left = self.evaluate(node.left)
        rights = [self.evaluate(right) for right in node.comparators]
        right = rights[0]
        if len(rights) > 1:
            return UNKNOWN
        operator = node.ops[0]
        if isinstance(operator, ast.Gt | ast.GtE | ast.Lt | ast.LtE):
            for value, other in ((left, right), (right, left)):
                number = constant(other)
                if isinstance(value, Tensor) and isinstance(number, int | float):
                    symbol = value if value.kind is Kind.ANY else None
                    self.emit(Threshold(self.module, node, value, float(number), symbol=symbol))
                    return Tensor(Kind.ANY, rank=value.rank, classes=value.classes, marks=value.marks | {"thresholded"})
                if isinstance(value, Unknown) and value.name and number == 0.5:
                    self.emit(Threshold(self.module, node, Tensor(Kind.ANY), 0.5, False, value))
        if isinstance(operator, ast.Eq):
            meet_shapes(self.site(node), left, right)
        if isinstance(operator, ast.Is | ast.IsNot) and isinstance(right, Const) and right.value is None:
            if isinstance(left, Const):
                return Const((left.value is None) == isinstance(operator, ast.Is))
            if known(left):
                return Const(isinstance(operator, ast.IsNot))
            return UNKNOWN
        if isinstance(left, Const) and isinstance(right, Const):
            if isinstance(operator, ast.Eq | ast.Is):
                return Const(left.value == right.value)
            if isinstance(operator, ast.NotEq | ast.IsNot):
                return Const(left.value != right.value)
            if isinstance(left.value, int | float) and isinstance(right.value, int | float):
                orders = {ast.Gt: left.value > right.value, ast.Lt: left.value < right.value}
                orders |= {ast.GtE: left.value >= right.value, ast.LtE: left.value <= right.value}
                if type(operator) in orders:
                    return Const(orders[type(operator)])
        if isinstance(operator, ast.In | ast.NotIn) and isinstance(left, Const) and isinstance(right, Seq | Mapping):
            names = [constant(v) for v in right.items] if isinstance(right, Seq) else list(right.store)
            certain = right.exact if isinstance(right, Seq) else ... not in right.store
            if certain and all(name is not None for name in names):
                return Const((left.value in names) == isinstance(operator, ast.In))
        if isinstance(operator, ast.Eq | ast.Lt) and isinstance(constant(right), int):
            return Comparison(node)
        if isinstance(operator, ast.In | ast.NotIn) and isinstance(left, External) and isinstance(right, Seq):
            found = any(same(left, item) for item in right.items)
            if right.exact and all(isinstance(item, External) for item in right.items):
                return Const(found == isinstance(operator, ast.In))
        return UNKNOWN

    def _binary(self, node: ast.BinOp) -> Value:
        return self.arithmetic(
            node.op, self.evaluate(node.left), self.evaluate(node.right), node, node.left, node.right
        )

    # ---- subscripts

    def _subscript(self, node: ast.Subscript) -> Value:
        base = self.evaluate(node.value)
        if isinstance(base, Tensor):
            return self._slice_of_tensor(base, node.slice)
        if isinstance(node.slice, ast.Slice):
            return self._slice(base, node.slice)
        key = self.evaluate(node.slice)
        if isinstance(base, shapes.Shape):
            index = constant(key)
            return shapes.size(base.of, index if isinstance(index, int) else None)
        if isinstance(base, Seq | Mapping):
            return self.item(base, key)
        if isinstance(base, Object):
            if base.name == "?encoding" and constant(key) in base.attrs:
                return held(base.attrs, constant(key))
            if base.name == "?output":
                name = constant(key)
                place = {0: "loss" if "loss" in base.attrs else "logits", 1: "logits" if "loss" in base.attrs else ""}
                part = place.get(name, name)
                return held(base.attrs, part) if part in base.attrs else UNKNOWN
            return self.item(base, key)
        return UNKNOWN

    def _slice(self, base: Value, part: ast.Slice) -> Value:
        children = base.attrs.get("?children") if isinstance(base, Object) else base
        low, high, step = (
            None if each is None else constant(self.evaluate(each)) for each in (part.lower, part.upper, part.step)
        )
        certain = all(
            each is None or isinstance(value, int)
            for each, value in ((part.lower, low), (part.upper, high), (part.step, step))
        )
        if isinstance(children, Seq) and children.exact and certain:
            items = seq(children.items[low:high:step], True, children.mutable)
            return (
                Object(None, base.name, (), {}, base.module, base.node, {"?children": items})
                if isinstance(base, Object)
                else items
            )
        return UNKNOWN

    def _slice_of_tensor(self, base: Tensor, part: ast.expr) -> Value:
        parts = part.elts if isinstance(part, ast.Tuple) else [part]
        values = [NONE if isinstance(each, ast.Slice) else self.evaluate(each) for each in parts]
        picked = [isinstance(constant(v), int) and not isinstance(constant(v), bool) for v in values]
        rank = base.rank - sum(picked) if base.rank else None
        if any(isinstance(each, ast.Constant) and each.value is None for each in parts):
            return base.but(rank=None, class_axis=None, axis=None, marks=base.marks - {"flat", "squeezed"})
        whole = any(isinstance(each, ast.Constant) and each.value is ... for each in parts)
        if base.kind is Kind.LOSS:
            return base
        if not parts:
            return base
        if (len(parts) > 1 and picked[-1] and base.rank in (None, 2, len(parts))) or (whole and picked[-1]):
            return base.but(rank=rank, classes=None, class_axis=None, marks=base.marks | {"column"})
        if (
            len(parts) == 2
            and not picked[0]
            and not isinstance(parts[1], ast.Slice)
            and base.rank in (None, 2)
            and base.kind is not Kind.ANY
        ):
            return base.but(rank=None, classes=None, class_axis=None, marks=base.marks | {"column"})
        if (
            isinstance(last := parts[-1], ast.Slice)
            and len(parts) > 1
            and last.lower is not None
            and base.rank == len(parts)
        ):
            return base.but(rank=rank, classes=None, marks=base.marks | {"part"})
        axis = base.class_axis
        if axis is not None and axis > 0:
            axis -= sum(picked[:axis])
        return base.but(
            rank=rank, class_axis=axis, axis=None if rank != base.rank and base.axis not in (None, -1) else base.axis
        )

    # ---- comprehensions

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp) -> Value:
        first = node.generators[0]
        source = self.evaluate(first.iter)
        if (
            len(node.generators) == 1
            and not first.ifs
            and isinstance(source, Seq)
            and source.exact
            and len(source.items) <= 24
        ):
            return seq([self._element(node.elt, node.generators, [item]) for item in source.items])
        if isinstance(source, Object) and source.name == "?by appearance":
            return source
        if isinstance(source, Object) and isinstance(source.attrs.get("?children"), Seq):
            source = source.attrs["?children"]
        item = self.item(source, UNKNOWN) if isinstance(source, Seq | Mapping) else datasets.element(self, source, node)
        return seq([self._element(node.elt, node.generators, [item])], False)

    def _element(self, element: ast.expr, generators: list[ast.comprehension], items: list[Value]) -> Value:
        self.frame.scope = Scope({}, self.frame.scope)
        try:
            for position, generator in enumerate(generators):
                item = items[position] if position < len(items) else UNKNOWN
                if position >= len(items):
                    source = self.evaluate(generator.iter)
                    item = self.item(source, UNKNOWN) if isinstance(source, Seq) else UNKNOWN
                self.bind_target(generator.target, item)
                for test in generator.ifs:
                    self.evaluate(test)
            return self.evaluate(element)
        finally:
            outer = self.frame.scope.outer
            assert outer is not None
            self.frame.scope = outer

    def _dict_comprehension(self, node: ast.DictComp) -> Value:
        self._element(node.value, node.generators, [])
        return UNKNOWN

    def bind_target(self, target: ast.expr, value: Value) -> None:
        """Assign to a name, an attribute, an item, or several of them."""
        raise NotImplementedError

    def _named(self, node: ast.NamedExpr) -> Value:
        value = self.evaluate(node.value)
        self.bind_target(node.target, value)
        return value

    def _await(self, node: ast.Await | ast.Starred) -> Value:
        return self.evaluate(node.value)

    def _yield(self, node: ast.Yield | ast.YieldFrom) -> Value:
        if node.value is not None:
            self.evaluate(node.value)
        self.frame.returned.append((UNKNOWN, node))
        return UNKNOWN


_HANDLERS: dict[type[ast.expr], Callable[[Expressions, Any], Value]] = {
    ast.Constant: Expressions._constant,
    ast.Name: Expressions._name,
    ast.Attribute: Expressions._attribute,
    ast.Call: Expressions._call_expression,
    ast.Lambda: Expressions._lambda,
    ast.Tuple: Expressions._tuple,
    ast.List: Expressions._tuple,
    ast.Dict: Expressions._dict,
    ast.IfExp: Expressions._either,
    ast.BoolOp: Expressions._bool,
    ast.UnaryOp: Expressions._unary,
    ast.Compare: Expressions._compare,
    ast.BinOp: Expressions._binary,
    ast.Subscript: Expressions._subscript,
    ast.ListComp: Expressions._comprehension,
    ast.SetComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.DictComp: Expressions._dict_comprehension,
    ast.NamedExpr: Expressions._named,
    ast.Await: Expressions._await,
    ast.Starred: Expressions._await,
    ast.Yield: Expressions._yield,
    ast.YieldFrom: Expressions._yield,
}
