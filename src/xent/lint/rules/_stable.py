"""Fixes that write the stable form of a logarithm or a softmax: the same numbers, also where the other overflows."""

from __future__ import annotations

import ast
from typing import NamedTuple

from xent.lint import edits
from xent.lint.events import Logarithm, Normalised
from xent.lint.finding import Fix
from xent.lint.names import library_name, spelled
from xent.lint.project import Module
from xent.lint.rules._activations import AXES, given, log_softmax_for
from xent.lint.values import Kind, Made

_LOGS = frozenset({"torch.log", "numpy.log", "jax.numpy.log", "tensorflow.math.log", "keras.ops.log"})
#: Each exponential, with the maximum of the same library and what its sum is called.
_EXPS = {
    "torch.exp": ("amax", "torch.sum"),
    "numpy.exp": ("max", "numpy.sum"),
    "jax.numpy.exp": ("max", "jax.numpy.sum"),
    "tensorflow.exp": ("reduce_max", "tensorflow.reduce_sum"),
    "tensorflow.math.exp": ("reduce_max", "tensorflow.math.reduce_sum"),
}
_LOG_SIGMOID = {
    "torch": "torch.nn.functional.logsigmoid",
    "jax": "jax.nn.log_sigmoid",
    "tensorflow": "tensorflow.math.log_sigmoid",
    "keras": "keras.ops.log_sigmoid",
    "numpy": "scipy.special.log_expit",
}
_SOFTMAX = {
    "torch": ("torch.softmax", "dim"),
    "jax": ("jax.nn.softmax", "axis"),
    "tensorflow": ("tensorflow.nn.softmax", "axis"),
}
_KEPT = frozenset({"keepdim", "keepdims", "keep_dims"})
#: What an expression may be made of that is as cheap to read twice as once, and binds as a sum does or tighter.
_READ = (
    *(ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.UnaryOp, ast.BinOp, ast.expr_context, ast.Slice),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.MatMult, ast.USub),
)


def _library(name: str) -> str:
    top = name.partition(".")[0]
    return {"scipy": "numpy", "flax": "jax"}.get(top, top)


def _logged(event: Logarithm) -> tuple[ast.Call, ast.expr, str] | None:
    """Return the call of a logarithm, its argument, and the library, where there is nothing else to it."""
    call = event.node
    if not isinstance(call, ast.Call) or call.keywords:
        return None
    name = library_name(event.module, call.func)
    if not name and isinstance(call.func, ast.Attribute) and call.func.attr == "log" and not call.args:
        return call, call.func.value, "torch"  # no other library's arrays have a method of this name
    if name in _LOGS and len(call.args) == 1 and not isinstance(call.args[0], ast.Starred):
        return call, call.args[0], _library(name)
    return None


def _argument(made: Made | None, activation: ast.expr, library: str) -> ast.expr | None:
    """Return what an activation is given, if it stands here, is no layer, and is of this library."""
    if made is None or made.node is not activation or not isinstance(activation, ast.Call) or made.how == "layer":
        return None
    own = "torch" if made.how == "method" else _library(library_name(made.module, activation.func))
    return given(made) if own == library else None


def log_softmax(event: Logarithm) -> Fix | None:
    """Write log(softmax(x)) as log_softmax(x)."""
    found, made = _logged(event), event.of.made
    if found is None or made is None or _argument(made, *found[1:]) is None:
        return None
    outer, inner = edits.unwrapped(event.module, found[0], found[1]), log_softmax_for(made)
    return edits.fix("use log_softmax", outer + inner if outer and inner else None, safe=True)


def log_sigmoid(event: Logarithm) -> Fix | None:
    """Write log(sigmoid(x)) as logsigmoid(x), and log(1 - sigmoid(x)) as logsigmoid(-x)."""
    found = _logged(event)
    if found is None:
        return None
    call, activation, library = found
    sign = ""
    if event.of.kind is Kind.NOT_SIGMOID:
        if not isinstance(activation, ast.BinOp) or not isinstance(activation.op, ast.Sub):
            return None
        if not isinstance(activation.left, ast.Constant) or activation.left.value != 1:
            return None
        activation, sign = activation.right, "-"
    x = _argument(event.of.made, activation, library)
    name = spelled(event.module, _LOG_SIGMOID.get(library, ""))
    if x is None or name is None:
        return None
    is_operand = isinstance(x, ast.Name | ast.Attribute | ast.Call | ast.Subscript)
    before, after = (f"{name}({sign}", ")") if is_operand or not sign else (f"{name}({sign}(", "))")
    return edits.fix(f"use {name}", edits.unwrapped(event.module, call, x, before, after), safe=True)


class _Sum(NamedTuple):
    """What is summed, and how: the arguments besides."""

    of: ast.expr
    reduced: str
    axis: object
    keeps: bool


def softmax(event: Normalised) -> Fix | None:
    """Write exp(x) / exp(x).sum() as a softmax, or subtract the maximum where none can be named."""
    node, module = event.node, event.module
    if not isinstance(node, ast.BinOp) or not isinstance(node.right, ast.Call):
        return None
    total = _sum(module, node.right)
    if total is None or ast.dump(total.of) != ast.dump(node.left):
        return None
    exps = [node.left, total.of] if isinstance(node.left, ast.Call) else _bound_once(module, node.left)
    xs = [x for exp in exps if (x := _exponent(module, exp)) is not None]
    if not xs or len(xs) != len(exps):
        return None
    assert isinstance(exps[0], ast.Call)
    function = exps[0].func
    name, keyword = _SOFTMAX.get(_library(library_name(module, function)), ("", ""))
    instead = spelled(module, name)
    if len(xs) == 2 and instead and total.keeps and type(total.axis) is int:
        edit = edits.unwrapped(module, node, xs[0], f"{instead}(", f", {keyword}={total.axis})")
        return edits.fix(f"use {instead}", edit, safe=True)
    if not (total.keeps or total.axis in (None, 0)) or not isinstance(function, ast.Attribute):
        return None  # the maximum would meet the numbers along another axis than its own
    maximum = f"{ast.unparse(function.value)}.{_EXPS[library_name(module, function)][0]}"
    shifts = [edits.after(module, x, f" - {maximum}({ast.unparse(x)}{total.reduced})") for x in xs]
    return edits.fix("subtract the maximum", tuple(edit for shift in shifts for edit in shift or ()), safe=True)


def _sum(module: Module, call: ast.Call) -> _Sum | None:
    name = library_name(module, call.func)
    arguments = list(call.args)
    if not name and isinstance(call.func, ast.Attribute) and call.func.attr == "sum":
        arguments.insert(0, call.func.value)
    elif name not in {sums for _, sums in _EXPS.values()}:
        return None
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    if not arguments or len(arguments) > 2 or not named.keys() <= AXES | _KEPT:
        return None
    try:
        axes = [ast.literal_eval(axis) for axis in (*arguments[1:], *(named[key] for key in named.keys() & AXES))]
        keeps = [ast.literal_eval(named[key]) for key in named.keys() & _KEPT]
    except ValueError:
        return None
    if len(axes) > 1 or len(keeps) > 1:
        return None
    given = [*map(ast.unparse, arguments[1:]), *(f"{key}={ast.unparse(value)}" for key, value in named.items())]
    return _Sum(arguments[0], "".join(f", {text}" for text in given), next(iter(axes), None), keeps == [True])


def _exponent(module: Module, exp: ast.expr) -> ast.expr | None:
    """Return what e is raised to, if that can be read twice."""
    if not isinstance(exp, ast.Call) or library_name(module, exp.func) not in _EXPS:
        return None
    if len(exp.args) != 1 or exp.keywords:
        return None
    return exp.args[0] if all(isinstance(part, _READ) for part in ast.walk(exp.args[0])) else None


def _bound_once(module: Module, name: ast.expr) -> list[ast.expr]:
    """Return what a name is bound to, if it is bound once and read twice, as a quotient by its sum reads it."""
    if not isinstance(name, ast.Name):
        return []
    scope = module.scope_of(name)
    named = [node for node in ast.walk(scope) if name.id in (getattr(node, "id", None), getattr(node, "arg", None))]
    bound = [node for node in named if not isinstance(getattr(node, "ctx", None), ast.Load)]
    above = module.parents.get(bound[0]) if len(bound) == 1 and len(named) == 3 else None
    return [above.value] if isinstance(above, ast.Assign) and len(above.targets) == 1 else []
