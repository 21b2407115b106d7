"""A formula and its numbers as a few lines of NumPy that stand alone."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np


def code(formula: Callable[..., Any], constants: Mapping[str, Any]) -> str:
    """Return the source of ``calibrate(z)``: the body of ``formula(xp, z, …)`` with NumPy as xp."""
    return (
        "\n".join(["import numpy as np", "", *assignments(constants), "", "", source(formula, "calibrate", "z")]) + "\n"
    )


def assignments(constants: Mapping[str, Any]) -> list[str]:
    """Return a line a constant."""
    return [f"{name} = {_literal(value)}" for name, value in constants.items()]


def source(formula: Callable[..., Any], name: str, *arguments: str) -> str:
    """Return a formula as a function of these arguments, all of its others being names of the module around it."""
    function = ast.parse(textwrap.dedent(inspect.getsource(formula))).body[0]
    assert isinstance(function, ast.FunctionDef)
    function.name = name
    function.args = ast.arguments([], [ast.arg(each) for each in arguments], None, [], [], None, [])
    function.returns = None
    function.decorator_list = []
    if ast.get_docstring(function) is not None:
        function.body = function.body[1:]
    return ast.unparse(_NumPy().visit(function))


class _NumPy(ast.NodeTransformer):
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
