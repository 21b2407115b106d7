"""How large an exponent can be, as far as its spelling tells: whether exp of it can overflow, or vanish in a row.

Values hold no ranges, for hardly any rule asks. So an expression is read back here to what it is made of: numbers,
random draws, squares, and what the running body assigned to names.
"""

from __future__ import annotations

import ast
import math

from xent.lint.machine import Machine
from xent.lint.values import External, ModuleRef

Interval = tuple[float, float]

ANYTHING: Interval = (-math.inf, math.inf)
#: exp of these is finite in float32, and no sum of them is 0.
_TAME: Interval = (-80.0, 80.0)
#: The largest limit with a purpose: exp of more is infinite in float64.
_LARGEST = 709.0

_OF_CALLS: dict[str, Interval] = {
    **dict.fromkeys(("rand", "random", "random_sample", "sigmoid", "expit", "softmax"), (0.0, 1.0)),
    **dict.fromkeys(("randn", "standard_normal"), (-40.0, 40.0)),  # no generator's normal numbers go so far
    **dict.fromkeys(("tanh", "sin", "cos"), (-1.0, 1.0)),
    **dict.fromkeys(("zeros", "zeros_like"), (0.0, 0.0)),
    **dict.fromkeys(("ones", "ones_like"), (1.0, 1.0)),
}
#: What gives the same numbers in another shape, another type or elsewhere.
_SAME = frozenset(
    (
        *("to", "float", "double", "cast", "astype", "clone", "copy", "reshape", "view", "unsqueeze", "expand_dims"),
        *("expand", "transpose", "permute", "squeeze", "array", "asarray", "tensor", "as_tensor", "from_numpy"),
        "numpy",
    )
)
_JOINED = frozenset({"column_stack", "stack", "vstack", "hstack", "concatenate", "concat", "cat"})
_CLAMPS = frozenset({"clamp", "clip", "clip_by_value"})
_POWERS = frozenset({"pow", "power"})


def of_exponent(machine: Machine, exponent: ast.expr) -> frozenset[str]:
    """Say of an expression of the running body whether its exp is tame: neither infinite, nor 0 all along a row.

    It is bounded too, if no entry can be 0.
    """
    reader = _Reader(machine)
    low, high = reader.range(exponent)
    if _TAME[0] <= low and high <= _TAME[1]:
        return frozenset({"tame", "bounded"})
    is_tame = reader.is_kernel(exponent) or reader.is_grid_to_limit(exponent) or reader.is_cut_off(exponent)
    return frozenset({"tame"}) if is_tame else frozenset()


class _Reader:
    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        function = machine.frame.function
        body = function.node.body if function is not None else machine.module.tree.body
        self._body = body if isinstance(body, list) else []

    def range(self, node: ast.expr) -> Interval:
        """Return between which two numbers all entries lie."""
        number = _number(node)
        if number is not None:
            return number, number
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            low, high = self.range(node.operand)
            return -high, -low
        if isinstance(node, ast.BinOp):
            return _combined(node.op, self.range(node.left), self.range(node.right))
        if isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr in ("T", "data")):
            return self.range(node.value)
        if isinstance(node, ast.Call):
            return self._of_call(node)
        bound = self._bound(node)
        return self.range(bound) if bound is not None else ANYTHING

    def _of_call(self, call: ast.Call) -> Interval:
        name, given = self._called(call)
        if name in _OF_CALLS:
            return _OF_CALLS[name]
        if name == "uniform":
            return _drawn(call)
        if name in _CLAMPS and given:
            low, high = self.range(given[0])
            least, most = (_limit(call, given, *where) for where in ((1, "min", "a_min"), (2, "max", "a_max")))
            return (low if least is None else max(low, least)), (high if most is None else min(high, most))
        if name in _JOINED and given and isinstance(given[0], ast.List | ast.Tuple) and given[0].elts:
            parts = [self.range(each) for each in given[0].elts]
            return min(low for low, _ in parts), max(high for _, high in parts)
        return self.range(given[0]) if name in _SAME and given else ANYTHING

    def _called(self, call: ast.Call) -> tuple[str, list[ast.expr]]:
        """Return a call's name and what it is given, the array first, be it a function or a method."""
        if not isinstance(call.func, ast.Attribute):
            return getattr(call.func, "id", ""), call.args
        base = call.func.value
        named = isinstance(base, ast.Name | ast.Attribute)
        if named and isinstance(self._machine.evaluate(base), External | ModuleRef):
            return call.func.attr, call.args
        return call.func.attr, [base, *call.args]

    def _bound(self, node: ast.expr) -> ast.expr | None:
        """Return what was last assigned to a name, if that is certain: not within a branch or a loop."""
        if not isinstance(node, ast.Name):
            return None
        last: ast.stmt | None = None
        for statement in self._body:
            if statement.lineno >= node.lineno:
                break
            if any(_stored(each) == node.id for each in ast.walk(statement)):
                last = statement
        if isinstance(last, ast.Assign) and len(last.targets) == 1 and isinstance(last.targets[0], ast.Name):
            return last.value
        return None

    def is_kernel(self, node: ast.expr) -> bool:
        """Whether it is minus a square, or minus steps from 0, be they scaled: 0 somewhere, and less elsewhere."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            return self._is_square(node.operand)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            return self.is_kernel(node.left) and not _is_negative(node.right)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            pairs = ((node.left, node.right), (node.right, node.left))
            return any(_is_negative(a) and self._is_square(b) for a, b in pairs) or any(
                self.is_kernel(a) and not _is_negative(b) for a, b in pairs
            )
        bound = self._bound(node)
        return bound is not None and self.is_kernel(bound)

    def _is_square(self, node: ast.expr) -> bool:
        """Whether it is a square, steps from 0, or a sum of two, be it scaled by what is taken for positive.

        The sum of squares along an axis is none: it may be far from 0.
        """
        if isinstance(node, ast.Subscript):
            return self._is_square(node.value)
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Mult) and ast.dump(node.left) == ast.dump(node.right):
                return True
            if isinstance(node.op, ast.Pow):
                return _is_even(node.right)
            if isinstance(node.op, ast.Div):
                return self._is_square(node.left) and not _is_negative(node.right)
            if isinstance(node.op, ast.Add):
                return self._is_square(node.left) and self._is_square(node.right)
            return isinstance(node.op, ast.Mult) and (
                (self._is_square(node.left) and not _is_negative(node.right))
                or (self._is_square(node.right) and not _is_negative(node.left))
            )
        if isinstance(node, ast.Call):
            name, given = self._called(node)
            if name in _POWERS:
                return len(given) == 2 and _is_even(given[1])
            if name == "arange":
                return len(given) == 1
            return name == "square" or (name in _SAME and bool(given) and self._is_square(given[0]))
        bound = self._bound(node)
        return bound is not None and self._is_square(bound)

    def is_cut_off(self, node: ast.expr) -> bool:
        """Whether it is cut off above, at a limit that is not seen or that float64 can take."""
        bound = self._bound(node)
        if bound is not None:
            return self.is_cut_off(bound)
        if not isinstance(node, ast.Call):
            return False
        name, given = self._called(node)
        if name not in _CLAMPS and name != "minimum":
            return False
        most = _written(node, given, 1 if name == "minimum" else 2, "max", "a_max")
        return most is not None and (_number(most) or 0.0) <= _LARGEST

    def is_grid_to_limit(self, node: ast.expr) -> bool:
        """Whether it is ``linspace(-width, 0, n)``: its last number is its largest."""
        if not isinstance(node, ast.Call) or self._called(node)[0] != "linspace" or len(node.args) < 2:
            return False
        end = _number(node.args[1])
        return end is not None and _TAME[0] <= end <= _TAME[1] and end <= 0 and _is_negative(node.args[0])


def _drawn(call: ast.Call) -> Interval:
    """Return the limits of ``uniform``: first of all with NumPy, by keyword with others, 0 and 1 if not said."""
    given = [_number(each) for each in call.args]
    limits = {keyword.arg: _number(keyword.value) for keyword in call.keywords}
    low, high = limits.get("low", limits.get("minval", 0.0)), limits.get("high", limits.get("maxval", 1.0))
    if given and given[0] is not None:
        low, high = given[0], given[1] if len(given) > 1 else high
    elif len(given) > 2:  # what comes after a shape may be limits
        return ANYTHING
    return (low, high) if low is not None and high is not None else ANYTHING


def _written(call: ast.Call, given: list[ast.expr], at: int, *keywords: str) -> ast.expr | None:
    named = next((keyword.value for keyword in call.keywords if keyword.arg in keywords), None)
    return named if named is not None else given[at] if len(given) > at else None


def _limit(call: ast.Call, given: list[ast.expr], at: int, *keywords: str) -> float | None:
    written = _written(call, given, at, *keywords)
    return _number(written) if written is not None else None


def _number(node: ast.expr) -> float | None:
    sign = 1.0
    while isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        sign = -sign if isinstance(node.op, ast.USub) else sign
        node = node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return sign * float(node.value)
    return None


def _is_even(node: ast.expr) -> bool:
    number = _number(node)
    return number is not None and number > 0 and number % 2 == 0


def _is_negative(node: ast.expr) -> bool:
    """Whether a minus stands in front: what is written so is meant to be negative."""
    while isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        node = node.left
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _stored(node: ast.AST) -> str | None:
    """Return the name that is bound here, of which an item is set, or that is changed in place: ``x.add_(1)``."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_"):
        return node.func.value.id if isinstance(node.func.value, ast.Name) else None
    if not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return None
    while isinstance(node, ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def _combined(op: ast.operator, a: Interval, b: Interval) -> Interval:
    if isinstance(op, ast.Add):
        return a[0] + b[0], a[1] + b[1]
    if isinstance(op, ast.Sub):
        return a[0] - b[1], a[1] - b[0]
    if isinstance(op, ast.Mult | ast.Div):
        if isinstance(op, ast.Div):
            if b[0] <= 0 <= b[1]:
                return ANYTHING
            b = (1 / b[1], 1 / b[0])
        ends = [x * y if x and y else 0.0 for x in a for y in b]  # 0 times what is not bounded is 0
        return min(ends), max(ends)
    return ANYTHING
