"""Shapes of tensors: what a view, a permutation or a squeeze does to the axis that the classes are along."""

from __future__ import annotations

import ast

from xent.lint.frameworks.site import Site
from xent.lint.values import (
    UNKNOWN,
    Const,
    Kind,
    Seq,
    Tensor,
    Unknown,
    Value,
    constant,
    same,
)


def squeeze(site: Site, given: Value | None, offset: int = 0) -> Value:
    """Take axes of size one away."""
    if not isinstance(given, Tensor):
        return Tensor(Kind.ANY, marks=frozenset({"squeezed"})) if isinstance(given, Unknown) else UNKNOWN
    axis = site.integer(offset, "dim", "axis")
    if axis in (None, -1, 1) and (axis is None or given.n_classes == 1):
        rank = given.rank - 1 if given.rank else None
        return given.but(rank=rank, marks=given.marks | {"squeezed"})
    if axis is not None and given.n_classes == 1 and given.class_axis == -1 and given.rank in (None, axis + 1):
        return given.but(rank=axis, classes=None, class_axis=None, marks=given.marks | {"squeezed"})
    return given.but(rank=given.rank - 1 if given.rank else None)


def unsqueeze(site: Site, given: Value | None) -> Value:
    """Add an axis."""
    if not isinstance(given, Tensor):
        return UNKNOWN
    return given.but(
        rank=given.rank + 1 if given.rank else None, class_axis=None, marks=given.marks - {"squeezed", "flat"}
    )


def reorder(site: Site, given: Value | None, axes: list[int | None]) -> Value:
    """Permute axes: the class axis goes where the order says."""
    if not isinstance(given, Tensor):
        return UNKNOWN
    rank = len(axes)
    at = given.class_axis
    if at is None or any(axis is None for axis in axes) or not rank:
        return given.but(class_axis=None, axis=None)
    order = [axis % rank for axis in axes if axis is not None]
    new = order.index(at % rank) if at % rank in order else None
    if new is not None and new == rank - 1:
        new = -1
    softmax_axis = given.axis
    if softmax_axis is not None and softmax_axis % rank in order:
        softmax_axis = order.index(softmax_axis % rank)
    return given.but(class_axis=new, rank=rank, axis=softmax_axis)


def permute(site: Site, given: Value | None, offset: int = 0) -> Value:
    """Permute all axes."""
    values = list(site.args[offset:])
    if len(values) == 1 and isinstance(values[0], Seq):
        values = list(values[0].items)
    return reorder(site, given, [value.value if isinstance(value, Const) else None for value in values])


def transpose(site: Site, given: Value | None, offset: int = 0) -> Value:
    """Exchange two axes."""
    if not isinstance(given, Tensor):
        return UNKNOWN
    a, b = site.integer(offset, "dim0", "axis0"), site.integer(offset + 1, "dim1", "axis1")
    if given.rank is None and {a, b} == {0, 1} and given.class_axis != 1:
        return given.but(class_axis=None, axis=None)  # of two axes or, more often, the first two of several
    rank = given.rank or (max(abs(a), abs(b)) + 1 if a is not None and b is not None and a * b >= 0 else 3)
    if a is None or b is None or max(a, b) >= rank or rank < 2:
        return given.but(class_axis=None, axis=None)
    axes: list[int | None] = list(range(rank))
    axes[a], axes[b] = axes[b], axes[a]
    return reorder(site, given.but(rank=rank), axes)


def reshape(site: Site, given: Value | None, offset: int = 0) -> Value:
    """View in another shape; where the class axis ends up elsewhere than its numbers, tell the rules."""
    shape = list(site.args[offset:])
    if len(shape) == 1 and isinstance(shape[0], Seq):
        shape = list(shape[0].items)
    x = given
    if not isinstance(x, Tensor):
        flat = len(shape) == 1 and isinstance(shape[0], Const) and shape[0].value == -1
        if flat and isinstance(given, Unknown):
            return Tensor(Kind.ANY, rank=1, marks=frozenset({"flat"}))
        if [constant(each) for each in shape] == [-1, 1] and isinstance(given, Unknown):
            return Tensor(Kind.ANY, rank=2, classes=Const(1), class_axis=-1, of=given.name)
        starred = any(isinstance(arg, ast.Starred) for arg in getattr(site.node, "args", ()))
        return Tensor(Kind.ANY, rank=len(shape)) if len(shape) > 1 and not starred else UNKNOWN
    numbers = [value.value if isinstance(value, Const) else None for value in shape]
    rank = len(shape) or None
    if numbers == [-1]:
        return x.but(rank=1, marks=x.marks | {"flat", "squeezed"}, class_axis=None)
    if x.classes is not None and rank and rank > 1 and x.n_classes != 1:
        last_is_classes = same(shape[-1], x.classes)
        elsewhere = [position for position in range(1, rank - 1) if same(shape[position], x.classes)]
        last_is_one = numbers[-1] == 1
        if x.class_axis == -1 and elsewhere and not last_is_classes and not last_is_one:
            how = f"the classes are the last axis, and the new shape has them at axis {elsewhere[0]}"
            return x.but(rank=rank, class_axis=1, scrambled=site.link(how, x.trail))
        if x.class_axis == 1 and (x.rank or 0) >= 3 and last_is_classes and not elsewhere:
            how = "the classes are axis 1, and the new shape has them last"
            return x.but(rank=rank, class_axis=-1, scrambled=site.link(how, x.trail))
        if last_is_classes:
            return x.but(rank=rank, class_axis=-1)
        if elsewhere == [1] and x.class_axis == 1:
            return x.but(rank=rank, class_axis=1)
        if rank == 2 and numbers[-1] == -1 and x.class_axis == 1:
            return x.but(rank=2, class_axis=-1)  # (n, classes, 1, 1)
    if x.n_classes == 1 and numbers[-1:] != [1]:
        return x.but(rank=rank, class_axis=None, classes=None)  # one score for each of several choices
    return x.but(rank=rank, class_axis=x.class_axis if rank == x.rank else (-1 if rank == 2 else None))


class Shape(Value):
    """The shape of a tensor: its class axis is known where the tensor's is."""

    __slots__ = ("of",)

    def __init__(self, of: Tensor) -> None:
        self.of = of

    def items(self, n: int) -> list[Value]:
        """Return the sizes of n axes."""
        if self.of.classes is None or self.of.class_axis is None or not -n <= self.of.class_axis < n:
            return [UNKNOWN] * n
        sizes: list[Value] = [UNKNOWN] * n
        sizes[self.of.class_axis] = self.of.classes
        return sizes


def size(x: Tensor, axis: int | None) -> Value:
    """Return the size of one axis."""
    if axis is None or x.classes is None or x.class_axis is None:
        return UNKNOWN
    if axis == x.class_axis or (
        x.rank is not None and -x.rank <= axis < x.rank and axis % x.rank == x.class_axis % x.rank
    ):
        return x.classes
    return UNKNOWN


def flatten(site: Site, given: Value | None, offset: int = 0) -> Value:
    """Flatten from an axis on, or all."""
    if not isinstance(given, Tensor):
        return UNKNOWN
    start = site.integer(offset, "start_dim")
    if start == 1:
        return given.but(rank=2, class_axis=-1 if given.class_axis in (1, -1) else None)
    return given.but(rank=1 if start in (None, 0) else None, class_axis=None, marks=given.marks | {"flat", "squeezed"})
