"""Edits from syntax: a call taken away from around its argument, an item removed with its comma, a keyword set.

Each gives None wherever the text is not exactly the simple shape that it knows: comments inside, a starred argument,
an f-string.
"""

from __future__ import annotations

import ast
import re

from xent.lint.finding import Edit, Fix, Place
from xent.lint.names import library_name, spelled
from xent.lint.project import Module

Edits = tuple[Edit, ...]

#: What binds as tightly as a name: its text can stand wherever an operand can.
_ATOMS = (ast.Name, ast.Attribute, ast.Subscript, ast.Call)


def fix(what: str, edits: Edits | None, safe: bool = False) -> Fix | None:
    """Return a fix, or None where there are no edits."""
    return Fix(what, edits, safe) if edits else None


# ---- text


def _cut(place: Place, start: tuple[int, int] | None = None, end: tuple[int, int] | None = None) -> Place:
    begins, ends = start or (place.line, place.column), end or (place.end_line, place.end_column)
    return Place(place.path, *begins, *ends)


def _start(place: Place) -> tuple[int, int]:
    return place.line, place.column


def _end(place: Place) -> tuple[int, int]:
    return place.end_line, place.end_column


def text_at(module: Module, place: Place) -> str:
    """Return the text of a place."""
    lines = module.lines[place.line - 1 : place.end_line]
    if len(lines) == 1:
        return lines[0][place.column - 1 : place.end_column - 1]
    return "\n".join([lines[0][place.column - 1 :], *lines[1:-1], lines[-1][: place.end_column - 1]])


def _is_text(module: Module, node: ast.AST) -> bool:
    """Whether the text where a node stands is the node: in an f-string that hangs on the version of Python."""
    above: ast.AST | None = node
    while above is not None and not isinstance(above, ast.JoinedStr):
        above = module.parents.get(above)
    return above is None


# ---- edits


def replaced(module: Module, node: ast.expr, text: str) -> Edits | None:
    """Write another text in the place of an expression."""
    place = module.place(node)
    if not _is_text(module, node) or "#" in text_at(module, place):
        return None
    return (Edit(place, text),)


def after(module: Module, node: ast.expr, text: str) -> Edits | None:
    """Write a text behind an expression."""
    place = module.place(node)
    return (Edit(_cut(place, start=_end(place)), text),) if _is_text(module, node) else None


def unwrapped(module: Module, node: ast.expr, inner: ast.expr, before: str = "", after: str = "") -> Edits | None:
    """Leave of an expression only a part, with a text before and after it: ``softmax(x, dim=1)`` becomes ``x``."""
    outside, inside = module.place(node), module.place(inner)
    head, tail = _cut(outside, end=_start(inside)), _cut(outside, start=_end(inside))
    if not _is_text(module, node) or "#" in text_at(module, head) + text_at(module, tail):
        return None
    if isinstance(inner, ast.Starred | ast.GeneratorExp):
        return None
    if not after and not _stands_alone(module, node, inner):
        before, after = "(", ")"
    following = module.lines[outside.end_line - 1][outside.end_column - 1 :]
    if not after and following[:1].isidentifier():  # f(x)if y else z
        after = " "
    return Edit(head, before), Edit(tail, after)


def _stands_alone(module: Module, node: ast.expr, inner: ast.expr) -> bool:
    """Whether a part can stand where the whole stood, without parentheses of its own."""
    above = module.parents.get(node)
    is_enclosed = isinstance(above, ast.keyword | ast.List) or (isinstance(above, ast.Call) and above.func is not node)
    one_line = inner.lineno == inner.end_lineno
    if isinstance(inner, _ATOMS):
        return one_line or is_enclosed or isinstance(inner, ast.Call | ast.Subscript)
    if isinstance(inner, ast.NamedExpr | ast.Yield | ast.YieldFrom | ast.Lambda | ast.Tuple):
        return False
    return is_enclosed or (one_line and isinstance(above, ast.Assign | ast.Return))


def renamed(module: Module, call: ast.expr, name: str) -> Edits | None:
    """Call a function's sibling: another last part of its dotted name; a bare name only if that too is imported."""
    function = call.func if isinstance(call, ast.Call) else call
    if not _is_text(module, function):
        return None
    place = module.place(function)
    if isinstance(function, ast.Attribute):
        last = _cut(place, start=(place.end_line, place.end_column - len(function.attr)))
        return (Edit(last, name),) if text_at(module, last) == function.attr else None
    full = library_name(module, function).rpartition(".")[0]
    instead = spelled(module, f"{full}.{name}") if full else None
    return (Edit(place, instead),) if instead else None


def _plain(call: ast.Call) -> bool:
    return not any(isinstance(arg, ast.Starred) for arg in call.args) and all(k.arg for k in call.keywords)


def with_keyword(module: Module, call: ast.AST, name: str, text: str) -> Edits | None:
    """Give a call a keyword, or a keyword of it another value."""
    if not isinstance(call, ast.Call) or not _plain(call):
        return None
    for keyword in call.keywords:
        if keyword.arg == name:
            return replaced(module, keyword.value, text)
    place = module.place(call)
    given = [*call.args, *(k.value for k in call.keywords)]
    if not given:
        close = _cut(place, start=(place.end_line, place.end_column - 1))
        opened = _cut(place, start=_end(module.place(call.func)))
        return (
            (Edit(_cut(close, end=_start(close)), f"{name}={text}"),)
            if _is_text(module, call) and re.fullmatch(r"\(\s*\)", text_at(module, opened))
            else None
        )
    last = max(map(module.place, given), key=_end)
    rest = text_at(module, _cut(place, start=_end(last)))
    if not _is_text(module, call) or not re.fullmatch(r"\s*,?\s*\)", rest):
        return None
    return (Edit(_cut(last, start=_end(last)), f", {name}={text}"),)


def without_keyword(module: Module, call: ast.AST, name: str) -> Edits | None:
    """Take a keyword from a call, with the comma before it, or after it where it is the first."""
    if not isinstance(call, ast.Call) or not _plain(call):
        return None
    found = [keyword for keyword in call.keywords if keyword.arg == name]
    if len(found) != 1 or not _is_text(module, call):
        return None
    items: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    around = [None, *sorted(items, key=lambda node: (node.lineno, node.col_offset)), None]
    at = around.index(found[0])
    return _without(module, around[at - 1], found[0], around[at + 1], call)


def keyword_renamed(module: Module, call: ast.AST, name: str, instead: str) -> Edits | None:
    """Give an argument to another keyword."""
    if not isinstance(call, ast.Call) or not _plain(call) or not _is_text(module, call):
        return None
    names = [keyword.arg for keyword in call.keywords]
    if name not in names or instead in names:
        return None
    place = module.place(call.keywords[names.index(name)])
    place = _cut(place, end=(place.line, place.column + len(name)))
    return (Edit(place, instead),) if text_at(module, place) == name else None


def without_last_item(module: Module, whole: ast.AST, item: ast.expr) -> Edits | None:
    """Take the last of several items from a call or a list."""
    if not isinstance(whole, ast.Call | ast.List) or (isinstance(whole, ast.Call) and whole.keywords):
        return None
    items = whole.args if isinstance(whole, ast.Call) else whole.elts
    if len(items) < 2 or items[-1] is not item or not _is_text(module, whole):
        return None
    return _without(module, items[-2], item, None, whole)


def _without(
    module: Module, before: ast.AST | None, node: ast.AST, following: ast.AST | None, whole: ast.AST
) -> Edits | None:
    """Take one of several things between commas away, whole lines where it has them for itself."""
    item, outside = module.place(node), module.place(whole)
    first, last = module.lines[item.line - 1], module.lines[item.end_line - 1]
    own_lines = not first[: item.column - 1].strip() and re.fullmatch(r"\s*,\s*(#.*)?", last[item.end_column - 1 :])
    if own_lines and item.end_line < outside.end_line:
        return (Edit(Place(item.path, item.line, 1, item.end_line + 1, 1), ""),)
    if before is not None:
        cut = _cut(item, start=_end(module.place(before)))
        between = text_at(module, _cut(cut, end=_start(item)))
    else:
        end = _start(module.place(following)) if following else (outside.end_line, outside.end_column - 1)
        cut = _cut(item, end=end)
        between = text_at(module, _cut(cut, start=_end(item)))
    return (Edit(cut, ""),) if re.fullmatch(r"\s*,\s*" if before or following else r"\s*,?\s*", between) else None


def without_statement(module: Module, statement: ast.stmt) -> Edits | None:
    """Take a statement away that stands on lines of its own and is not the only one of its block."""
    above = module.parents.get(statement)
    blocks = [getattr(above, name, None) for name in ("body", "orelse", "finalbody")]
    if not any(isinstance(block, list) and statement in block and len(block) > 1 for block in blocks):
        return None
    place = module.place(statement)
    first, last = module.lines[place.line - 1], module.lines[place.end_line - 1]
    if first[: place.column - 1].strip() or not re.fullmatch(r"\s*(#.*)?", last[place.end_column - 1 :]):
        return None
    if place.end_line >= len(module.lines):
        return None
    return (Edit(Place(place.path, place.line, 1, place.end_line + 1, 1), ""),)
