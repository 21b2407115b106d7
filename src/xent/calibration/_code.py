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
    function = ast.parse(textwrap.dedent(inspect.getsource(formula))).body[0]
    assert isinstance(function, ast.FunctionDef)
    function.name = "calibrate"
    function.args = ast.arguments([], [ast.arg("z")], None, [], [], None, [])
    function.returns = None
    function.decorator_list = []
    function = _NumPy().visit(function)
    lines = [f"{name} = {_literal(value)}" for name, value in constants.items()]
    return "\n".join(["import numpy as np", "", *lines, "", "", ast.unparse(function)]) + "\n"


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
