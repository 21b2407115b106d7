"""Arithmetic: what stays of a value that is added to, scaled, divided or raised to a power."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any

from xent.lint.calls import Calls
from xent.lint.events import Broadcast, Complement, Divided, Exponential, Normalised
from xent.lint.frameworks.losses import meet_shapes
from xent.lint.frameworks.site import Site
from xent.lint.values import (
    UNKNOWN,
    Const,
    Kind,
    Link,
    Method,
    Object,
    Seq,
    Tensor,
    Unknown,
    Value,
    constant,
    numbers_of,
    seq,
)

_TEMPERATURE = re.compile(
    r"^(self\.)?(\w+\.)*(T|tau|temp|temperature|.*_temperature|temperature_.*|tau_.*|kd_temp)$", re.I
)
_FOLD: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.FloorDiv: lambda a, b: a // b,
    ast.Div: lambda a, b: a / b,
}


class Arithmetic(Calls):
    """What arithmetic operations give."""

    def site(self, node: ast.AST) -> Site:
        """Return a place in the program as libraries' functions see it."""
        return Site(self, (), {}, node)

    def arithmetic(self, op: ast.operator, left: Value, right: Value, node: ast.AST, a: ast.expr, b: ast.expr) -> Value:
        """Return what an arithmetic operation gives."""
        x, y = constant(left), constant(right)
        for value in (left, right):
            if isinstance(value, Object) and value.name == "?by appearance":
                return value
        numbers = isinstance(x, int | float) and isinstance(y, int | float)
        if numbers and type(op) in _FOLD and not (y == 0 and isinstance(op, ast.Div | ast.FloorDiv)):
            return Const(_FOLD[type(op)](x, y))
        if isinstance(op, ast.Add) and isinstance(left, Seq) and isinstance(right, Seq):
            return seq((*left.items, *right.items), left.exact and right.exact, left.mutable)
        if isinstance(op, ast.Mult) and isinstance(left, Seq) and isinstance(y, int):
            return seq(left.items * min(y, 8), left.exact and y <= 8)
        if (
            isinstance(op, ast.Pow)
            and isinstance(right, Tensor)
            and right.kind is Kind.LOSS
            and isinstance(x, int | float)
        ):
            self.emit(Exponential(self.module, node, right, float(x)))
            return UNKNOWN
        if isinstance(op, ast.MatMult):
            rank = left.rank if isinstance(left, Tensor) else None
            return Tensor(Kind.ANY, class_axis=-1, rank=rank, marks=frozenset({"product"})) if rank == 2 else UNKNOWN
        if isinstance(op, ast.Add) and isinstance(left, Tensor) and "product" in left.marks:
            link = Link("a product and a bias give logits", self.module, node)
            return Tensor(Kind.LOGITS, class_axis=-1, rank=left.rank, origin=node, trail=link)
        folded = self._fold(op, left, right)
        if folded is not None:
            return folded
        if isinstance(left, Tensor) and isinstance(right, Tensor):
            return self._of_two(op, left, right, node)
        if isinstance(left, Tensor):
            if (
                left.of
                and left.n_classes == 1
                and left.rank == 2
                and isinstance(right, Unknown)
                and right.name == left.of
            ):
                self.emit(Broadcast(self.module, node, left, Tensor(Kind.ANY, rank=1)))
            return self._with_number(op, left, right, node, b)
        if isinstance(right, Tensor):
            return self._number_with(op, left, right, node)
        if isinstance(op, ast.Div) and self._is_temperature(b, right) and isinstance(left, Unknown | Method):
            return Tensor(Kind.ANY, tempered=Link(f"is divided by {ast.unparse(b)}", self.module, node))
        return UNKNOWN

    def _fold(self, op: ast.operator, left: Value, right: Value) -> Value | None:
        """Compute with numbers that stand in the program: class weights from counts."""
        if type(op) not in _FOLD:
            return None
        a, b = numbers_of(left), numbers_of(right)
        x, y = constant(left), constant(right)
        made = left if a is not None else right
        if (a is None and b is None) or not isinstance(made, Object):
            return None
        n = len(a if a is not None else b or [])
        first = a if a is not None else [x] * n
        second = b if b is not None else [y] * n
        if len(first) != len(second) or not all(isinstance(v, int | float) for v in (*first, *second)):
            return None
        try:
            values: list[Value] = [Const(_FOLD[type(op)](u, v)) for u, v in zip(first, second, strict=True)]
        except ArithmeticError:
            return None
        return Object(None, "?numbers", (seq(values),), {}, made.module, made.node)

    def _of_two(self, op: ast.operator, left: Tensor, right: Tensor, node: ast.AST) -> Value:
        kinds = (left.kind, right.kind)
        if Kind.LOSS in kinds:
            loss, other = (left, right) if left.kind is Kind.LOSS else (right, left)
            if other.kind is not Kind.LOSS:
                return loss.but(marks=loss.marks | {"masked"}) if isinstance(op, ast.Mult) else loss
            together = tuple(dict.fromkeys((*left.calls, *right.calls)))
            return loss.but(calls=together, detached=left.detached if right.detached else None)
        if isinstance(op, ast.Div) and left.kind is Kind.EXP and right.kind is Kind.SUM_EXP and left.of == right.of:
            self.emit(Normalised(self.module, node, bool(left.marks & {"shifted", "tame"})))
            trail = Link("exponentials over their sum are a softmax", self.module, node, left.trail)
            return left.but(kind=Kind.SOFTMAX, trail=trail, of="")
        if isinstance(op, ast.Sub) and right.kind is Kind.MAXIMUM:
            return left.but(marks=left.marks | {"shifted"})
        meet_shapes(self.site(node), left, right)
        if isinstance(op, ast.Add | ast.Sub) and kinds == (Kind.LOGITS, Kind.LOGITS):
            return left.but(origin=left.origin if left.origin is right.origin else None)
        return Tensor(Kind.ANY, rank=left.rank if left.rank == right.rank else None)

    def _with_number(self, op: ast.operator, left: Tensor, right: Value, node: ast.AST, b: ast.expr) -> Value:
        number = constant(right)
        if left.kind is Kind.LOSS:
            if number == 1 and isinstance(op, ast.Add):
                self.emit(Complement(self.module, node, left))
            return self._scaled_loss(op, left, right, b, node)
        if "argmax" in left.marks:
            return Tensor(
                Kind.ANY, rank=left.rank, detached=left.detached, trail=left.trail, marks=frozenset({"argmax"})
            )
        if isinstance(op, ast.Add) and isinstance(number, float) and 0 < number < 1e-3:
            return left.but(softened=True)
        if isinstance(op, ast.Add) and left.kind in (Kind.SOFTMAX, Kind.SIGMOID, Kind.NOT_SIGMOID) and _small(b):
            return left.but(softened=True)
        if number == 1 and isinstance(op, ast.Add) and left.kind is Kind.EXP and left.of.startswith("-"):
            return left.but(marks=left.marks | {"1 + exp(-x)"})
        if isinstance(op, ast.Add | ast.Sub) and left.kind in (Kind.EXP, Kind.SUM_EXP):
            return left if isinstance(op, ast.Add) else Tensor(Kind.ANY)
        if isinstance(op, ast.Div) and self._is_temperature(b, right):
            if left.tempered is not None:
                self.emit(Divided(self.module, node, left, left.tempered))
            return left.but(
                kind=left.kind if left.kind is Kind.LOGITS else Kind.ANY,
                tempered=Link(f"is divided by {ast.unparse(b)}", self.module, node, left.trail),
            )
        if (
            left.kind in (Kind.LOGITS, Kind.INDEX)
            and isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.Div)
            and isinstance(number, int | float)
        ):
            return left
        if left.kind is Kind.LOGITS and isinstance(op, ast.Add):
            return left  # a bias
        if left.kind is Kind.MAXIMUM:
            return Tensor(Kind.ANY)
        return Tensor(Kind.ANY, rank=left.rank)

    def _is_temperature(self, divisor: ast.expr, value: Value) -> bool:
        """Whether a divisor is a temperature, and not one that a caller, who is seen, set to 1."""
        if not _TEMPERATURE.match(ast.unparse(divisor)):
            return False
        function = self.frame.function
        called = function is not None and function.node is not self.entry
        return not (called and isinstance(divisor, ast.Name) and constant(value) == 1)

    def _scaled_loss(self, op: ast.operator, left: Tensor, right: Value, b: ast.expr, node: ast.AST) -> Value:
        text = ast.unparse(b)
        marks = set(left.marks)
        if isinstance(op, ast.Mult) and not isinstance(right, Const):
            marks.add("masked")
        if isinstance(op, ast.Div):
            if re.search(r"accum|grad_acc|micro|every|^len\(", text, re.I):
                marks.add("over accumulation")
                left = left.but(trail=Link(f"is divided by {text}", self.module, node, left.trail))
            if re.search(r"log\(2(\.0?)?\)|LN2|ln2|0\.693", text):
                marks.add("in bits")
        if isinstance(op, ast.Mult) and re.search(r"log2\(|1\.442", text):
            marks.add("in bits")
        return left.but(marks=frozenset(marks))

    def _number_with(self, op: ast.operator, left: Value, right: Tensor, node: ast.AST) -> Value:
        number = constant(left)
        if right.kind is Kind.LOSS:
            if number == 1 and isinstance(op, ast.Add):
                self.emit(Complement(self.module, node, right))
            return right
        if number == 1 and isinstance(op, ast.Add) and right.kind is Kind.EXP and right.of.startswith("-"):
            return right.but(marks=right.marks | {"1 + exp(-x)"})
        if number == 1 and isinstance(op, ast.Div) and "1 + exp(-x)" in right.marks:
            link = Link("1 / (1 + exp(−x)) is a sigmoid", self.module, node)
            return Tensor(Kind.SIGMOID, rank=right.rank, trail=link)
        if isinstance(op, ast.Sub) and isinstance(number, int | float) and float(number) == 1.0:
            if right.kind is Kind.SIGMOID:
                link = Link("1 − sigmoid", self.module, node, right.trail)
                return right.but(kind=Kind.NOT_SIGMOID, trail=link)
            if "exp of a loss" in right.marks:
                return right
        if isinstance(op, ast.Sub) and right.kind is Kind.MAXIMUM:
            return Tensor(Kind.ANY, marks=frozenset({"shifted"}))
        if isinstance(op, ast.Add) and isinstance(number, float) and 0 < number < 1e-3:
            return right.but(softened=True)
        if right.kind is Kind.LOGITS and isinstance(op, ast.Add | ast.Mult):
            return (
                right
                if isinstance(number, int | float) or isinstance(op, ast.Add)
                else Tensor(Kind.ANY, rank=right.rank)
            )
        return Tensor(Kind.ANY, rank=right.rank)


def _small(node: ast.expr) -> bool:
    return bool(re.search(r"eps|tiny|small|smooth|1e-", ast.unparse(node), re.I))
