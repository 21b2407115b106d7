"""A call as a library's function sees it."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from xent.lint.machine import Machine
from xent.lint.project import Module
from xent.lint.values import Const, Kind, Link, Tensor, Value


class Site:
    """Where a call stands, its arguments, and the machine that runs it."""

    __slots__ = ("args", "kwargs", "machine", "node")

    def __init__(self, machine: Machine, args: Sequence[Value], kwargs: dict[str, Value], node: ast.AST) -> None:
        self.machine = machine
        self.args = args
        self.kwargs = kwargs
        self.node = node

    @property
    def module(self) -> Module:
        """The module that the call stands in."""
        return self.machine.module

    @property
    def within(self) -> str:
        """The name of the function that the call stands in."""
        function = self.machine.frame.function
        return function.name if function is not None else ""

    def get(self, position: int, *keywords: str) -> Value | None:
        """Return an argument by one of its keywords, or by its position (-1: by keyword only)."""
        for keyword in keywords:
            if keyword in self.kwargs:
                return self.kwargs[keyword]
        return self.args[position] if 0 <= position < len(self.args) else None

    def integer(self, position: int, *keywords: str) -> int | None:
        """Return an argument that is a whole number, or None."""
        value = self.get(position, *keywords)
        number = value.value if isinstance(value, Const) else None
        return number if isinstance(number, int) and not isinstance(number, bool) else None

    def constant(self, position: int, *keywords: str) -> object:
        """Return what a constant argument is, or None."""
        value = self.get(position, *keywords)
        return value.value if isinstance(value, Const) else None

    def link(self, text: str, before: Link | None = None, node: ast.AST | None = None) -> Link:
        """Return a step of evidence that stands at this call."""
        return Link(text, self.module, node if node is not None else self.node, before)


def as_tensor(value: Value | None) -> Tensor:
    """Return a value as a tensor: one of which nothing is known, if need be."""
    return value if isinstance(value, Tensor) else Tensor(Kind.ANY)
