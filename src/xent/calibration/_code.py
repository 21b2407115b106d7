"""A formula and its numbers as a few lines of NumPy that stand alone."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import numpy as np


def code(formula: Callable[..., Any], constants: Mapping[str, Any]) -> str:
    """Return the source of ``calibrate(z)``: the body of ``formula(xp, z, …)`` with NumPy as xp."""
    parts = ["\n".join(["import numpy as np", "", *assignments(constants)]), source(formula, "calibrate", "z")]
    return "\n\n\n".join(parts) + "\n"


def assignments(constants: Mapping[str, Any]) -> list[str]:
    """Return a line a constant."""
    return [f"{name} = {_literal(value)}" for name, value in constants.items()]


def source(formula: Callable[..., Any], name: str, *arguments: str) -> str:
    """Return a formula as a function of these arguments, all of its others being names of the module around it.

    The functions of its module that the formula calls, each with xp first, are printed before it.
    """
    functions: dict[str, ast.FunctionDef] = {}
    _collect(formula, functions)
    *helpers, main = functions.values()
    main.name = name
    main.args = ast.arguments([], [ast.arg(each) for each in arguments], None, [], [], None, [])
    return "\n\n\n".join(ast.unparse(_NumPy().visit(each)) for each in (*helpers, main))


def _collect(function: Callable[..., Any], found: dict[str, ast.FunctionDef]) -> None:
    """Add a function and, before it, those that it calls, as syntax without annotations and docstrings."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    tree.returns = None
    tree.decorator_list = []
    for argument in (*tree.args.args, tree.args.kwarg):
        if argument is not None:
            argument.annotation = None
    if ast.get_docstring(tree) is not None:
        del tree.body[0]
    names = {node.id: None for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for each in [inspect.unwrap(function).__globals__.get(name) for name in names]:
        if isinstance(each, FunctionType) and each.__name__ not in found:
            _collect(each, found)
    found[tree.name] = tree


class _NumPy(ast.NodeTransformer):
    """NumPy in the place of xp, which no function is handed any more."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.args.args = [each for each in node.args.args if each.arg != "xp"]
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.args = [each for each in node.args if not (isinstance(each, ast.Name) and each.id == "xp")]
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name("np", node.ctx) if node.id == "xp" else node


def _literal(value: Any) -> str:
    """Return an expression that gives exactly this value."""
    if isinstance(value, np.ndarray):
        return f"np.array({_literal(value.tolist())})"
    if isinstance(value, list):
        return f"[{', '.join(_literal(each) for each in value)}]"
    if isinstance(value, dict):
        return f"dict({', '.join(f'{key}={_literal(each)}' for key, each in value.items())})"
    if isinstance(value, float) and not np.isfinite(value):
        return "np.nan" if np.isnan(value) else ("np.inf" if value > 0 else "-np.inf")
    return repr(value)
