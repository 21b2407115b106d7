"""What the names of a file mean, by its imports alone: for edits that write another library's name."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xent.lint.project import Module


def bound_by_imports(tree: ast.Module) -> dict[str, str]:
    """Return what a file's imports bind, as dotted names; a name that is bound in two ways is empty text."""
    everywhere = list(ast.walk(tree))
    found: dict[str, str] = {}
    for name, dotted in _imports(everywhere):
        found[name] = dotted if found.get(name, dotted) == dotted else ""
    for node in everywhere:
        bound = node.arg if isinstance(node, ast.arg) else getattr(node, "name", None)
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound = node.id
        if not isinstance(node, ast.alias) and bound in found:
            found[bound] = ""
    return found


def _imports(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def library_name(module: Module, node: ast.AST) -> str:
    """Return the library's name that an expression spells, Keras' in its one spelling, or nothing."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    root = module.imported.get(node.id, "") if isinstance(node, ast.Name) else ""
    return ".".join([root, *reversed(parts)]).replace("tensorflow.keras.", "keras.") if root else ""


def spelled(module: Module, name: str) -> str | None:
    """Return how the file can write a library's name at any place: by an import at its top."""
    texts = [
        alias + name.removeprefix(meant)
        for alias, meant in _imports(module.tree.body)
        if module.imported[alias] == meant and (name == meant or name.startswith(f"{meant}."))
    ]
    return min(texts, key=len, default=None)
