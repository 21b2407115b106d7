"""Labels whose ids are changed: ``labels[labels == 255] = 0``, ``where`` and ``masked_fill`` alike."""

from __future__ import annotations

import ast

from xent.lint.events import Remapped
from xent.lint.frameworks.site import Site
from xent.lint.values import Comparison, Tensor, Value, constant


def remap(site: Site, where: ast.expr, value: Value, kept: ast.expr, new: Value) -> None:
    """Tell the rules where some ids of a label are set to another, by a comparison or a name that holds one."""
    test = value.test if isinstance(value, Comparison) else where
    if not isinstance(test, ast.Compare):
        return
    if not isinstance(test.ops[0], ast.Eq | ast.Lt) or ast.unparse(test.left) != ast.unparse(kept):
        return
    if _is_masked(site, test) or _is_read_again(site, where):
        return
    number, old = constant(new), constant(site.machine.evaluate(test.comparators[0]))
    if isinstance(new, Tensor) and "zeros" in new.marks:
        number = 0
    if isinstance(number, int) and isinstance(old, int):
        below = isinstance(test.ops[0], ast.Lt)
        old = -1 if below and old == 0 else old
        site.machine.emit(Remapped(site.module, site.node, ast.unparse(kept), old, number, site.within, below))


def _is_masked(site: Site, test: ast.Compare) -> bool:
    """Whether the running function also asks which labels are not these: a mask that leaves them out of the loss."""
    function = site.machine.frame.function
    left, right = ast.unparse(test.left), ast.unparse(test.comparators[0])
    for node in ast.walk(function.node) if function is not None else ():
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotEq):
            sides = ast.unparse(node.left), ast.unparse(node.comparators[0])
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("ne", "not_equal")
        ):
            sides = ast.unparse(node.func.value), ast.unparse(node.args[0]) if node.args else ""
        else:
            continue
        if sides == (left, right):
            return True
    return False


def _is_read_again(site: Site, where: ast.expr) -> bool:
    """Whether the name of a comparison is read elsewhere too: as the mask that leaves these labels out."""
    function = site.machine.frame.function
    if not isinstance(where, ast.Name) or function is None:
        return False
    read = [n for n in ast.walk(function.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)]
    return sum(name.id == where.id for name in read) > 1
