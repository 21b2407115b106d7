"""The files of a run as modules. Imports are followed by where files lie, inside the tree, and nothing is imported."""

from __future__ import annotations

import ast
import os
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import cached_property

from xent.lint import relevance
from xent.lint.finding import Place, SourceProblem
from xent.lint.names import bound_by_imports
from xent.lint.source import Source, parse
from xent.lint.values import Scope

#: Their names are known from the tables in ``frameworks``; their files are not followed, wherever they lie.
LIBRARIES = frozenset(
    [
        "torch",
        "tensorflow",
        "keras",
        "tf_keras",
        "jax",
        "jaxlib",
        "flax",
        "optax",
        "haiku",
        "equinox",
        "numpy",
        "scipy",
        "sklearn",
        "skorch",
        "torchmetrics",
        "pandas",
        "torchvision",
        "timm",
        "transformers",
        "pytorch_lightning",
        "lightning",
        "lightning_fabric",
        "accelerate",
        "matplotlib",
        "seaborn",
        "typing",
    ]
)

_WRITES = re.compile(r"^\s*(?:self\.\w+\s*,\s*)*self\.(\w+)\s*(?::[^=\n]+)?(?:,[^=\n]*)?=(?!=)", re.MULTILINE)


class Module:
    """A file that was parsed: its tree, and the names that its body gave."""

    def __init__(self, path: str, text: str, tree: ast.Module) -> None:
        self.path = path
        self.text = text
        self.tree = tree
        self.scope = Scope({})
        self.loaded = False
        self.loading = False
        self._carries: dict[ast.AST, bool] = {}
        self._writers: dict[ast.ClassDef, dict[str, list[ast.FunctionDef]]] = {}
        self.stars: list[str] = []  # libraries whose names were all imported

    @cached_property
    def lines(self) -> list[str]:
        """The lines as the parser counts them: form feeds and Unicode's separators end none."""
        return self.text.split("\n")

    @cached_property
    def folder(self) -> str:
        """The folder that the file lies in."""
        return os.path.dirname(os.path.abspath(self.path))

    @cached_property
    def top_package(self) -> str:
        """The package that the file is part of, or nothing."""
        folder, found = self.folder, ""
        while os.path.isfile(os.path.join(folder, "__init__.py")):
            folder, found = os.path.split(folder)
        return found

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        """The node that each node is part of."""
        return {child: above for above in ast.walk(self.tree) for child in ast.iter_child_nodes(above)}

    def scope_of(self, node: ast.AST) -> ast.AST:
        """Return the function, or the whole file, whose body a node stands in."""
        while not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.Module):
            node = self.parents[node]
        return node

    @cached_property
    def imported(self) -> dict[str, str]:
        """What the imports bind, as dotted names; a name that is bound in two ways is empty text."""
        return bound_by_imports(self.tree)

    @cached_property
    def functions(self) -> frozenset[ast.FunctionDef | ast.AsyncFunctionDef]:
        """All functions that stand in the file."""
        found: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
        bodies = [self.tree.body]
        while bodies:
            for node in bodies.pop():
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.append(node)
                for part in ("body", "orelse", "finalbody", "handlers"):
                    if inner := getattr(node, part, None):
                        bodies.append(inner)
        return frozenset(found)

    def place(self, node: ast.AST) -> Place:
        """Return where a node stands, in characters."""
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        end_line = getattr(node, "end_lineno", None) or line
        end_column = getattr(node, "end_col_offset", None) or column
        return Place(self.path, line, self._characters(line, column), end_line, self._characters(end_line, end_column))

    def _characters(self, line: int, column: int) -> int:
        text = self.lines[line - 1] if line <= len(self.lines) else ""
        if text.isascii():
            return column + 1
        return len(text.encode("utf-8", "surrogatepass")[:column].decode("utf-8", "replace")) + 1

    def tells(self, node: ast.AST) -> bool:
        """Whether a function is worth evaluating for itself."""
        return _within(self._telling_lines, node)

    def losses(self, node: ast.AST) -> bool:
        """Whether a function's text may call a loss."""
        return _within(self._loss_lines, node)

    def loss_lines(self, node: ast.AST) -> set[int]:
        """Return the lines of a function that may call a loss."""
        first, last = _span(node)
        return {line for line in self._loss_lines if first <= line <= last}

    def calls(self, names: set[str]) -> Callable[[ast.AST], bool]:
        """Return whether a function's text has a call of one of these names."""
        lines = relevance.calls(names, self._lower)
        return lambda node: _within(lines, node)

    @cached_property
    def _telling_lines(self) -> list[int]:
        return relevance.lines(self._lower)

    @cached_property
    def _loss_lines(self) -> list[int]:
        return relevance.losses(self._lower)

    @cached_property
    def _lower(self) -> str:
        lower = self.text.lower()
        return lower if len(lower) == len(self.text) else self.text  # one letter may become two

    def carries(self, node: ast.AST) -> bool:
        """Whether a function is worth following where it is called."""
        found = self._carries.get(node)
        if found is None:
            found = self._carries[node] = relevance.carries(self.source(node).lower())
        return found

    def writers(self, cls: ast.ClassDef) -> dict[str, list[ast.FunctionDef]]:
        """Return which methods of a class assign which attributes of ``self``."""
        found = self._writers.get(cls)
        if found is None:
            found = self._writers[cls] = {}
            for method in cls.body:
                if isinstance(method, ast.FunctionDef) and method.name != "__init__":
                    for name in set(_WRITES.findall(self.source(method))):
                        found.setdefault(name, []).append(method)
        return found

    def source(self, node: ast.AST) -> str:
        """Return the lines that a statement stands on."""
        first, last = _span(node)
        return "\n".join(self.lines[first - 1 : last])


def _span(node: ast.AST) -> tuple[int, int]:
    return getattr(node, "lineno", 1), getattr(node, "end_lineno", 1)


def _within(lines: list[int], node: ast.AST) -> bool:
    first, last = _span(node)
    at = bisect_left(lines, first)
    return at < len(lines) and lines[at] <= last


class Tree:
    """The files that imports are followed to: those beside a file and above it, up to the folders that were given."""

    def __init__(self, read: Callable[[str], Source], roots: Iterable[str] = ()) -> None:
        self._read = read
        self._roots = [os.path.abspath(root) for root in roots]
        self._modules: dict[str, Module | None] = {}
        self.n_characters = 0  # of all modules that are kept
        self._is_file: dict[str, bool] = {}
        self._paths: dict[str, str] = {}
        self._found: dict[tuple[str, str, int], Module | None] = {}

    def module(self, path: str) -> Module:
        """Return a file's module, parsed once; raises SourceProblem where it cannot be."""
        key = os.path.abspath(path)
        module = self._modules.get(key)
        if module is None:
            source = self._read(path)
            module = self._modules[key] = Module(path, source.text, parse(source))
            self.n_characters += len(source.text)
        return module

    def knows(self, path: str) -> bool:
        """Whether a file was parsed already."""
        return self._modules.get(os.path.abspath(path)) is not None

    def find(self, name: str, importer: Module, level: int = 0) -> Module | None:
        """Return the module that an import names, if it lies in the tree."""
        key = (name, importer.folder, level)
        if key not in self._found:
            self._found[key] = self._find(name, importer, level)
        return self._found[key]

    def _find(self, name: str, importer: Module, level: int) -> Module | None:
        folder = importer.folder
        parts = [part for part in name.split(".") if part]
        if level:
            for _ in range(level - 1):
                folder = os.path.dirname(folder)
            return self._at(folder, parts)
        if parts[0] in LIBRARIES:
            return None
        for place in self._above(folder):
            beside = os.path.basename(place) in ("site-packages", "dist-packages")
            if beside and parts[0] != importer.top_package:
                continue
            if found := self._at(place, parts):
                return found
        return None

    def _above(self, folder: str) -> Iterable[str]:
        seen = set()
        for _ in range(12):
            seen.add(folder)
            yield folder
            if os.path.basename(folder) in ("site-packages", "dist-packages"):
                break  # other packages lie beside this one
            if any(folder == root for root in self._roots) and not self.exists(os.path.join(folder, "__init__.py")):
                break
            above = os.path.dirname(folder)
            if above == folder:
                break
            folder = above
        yield from (root for root in self._roots if root not in seen)

    def _at(self, folder: str, parts: list[str]) -> Module | None:
        base = os.path.join(folder, *parts)
        for path in (base + ".py", os.path.join(base, "__init__.py")):
            if self.exists(path):
                if path not in self._modules:
                    try:
                        self.module(self._shown(path))
                    except SourceProblem:
                        self._modules[path] = None
                return self._modules[path]
        return None

    def exists(self, path: str) -> bool:
        """Whether a file is there; asked once."""
        if path not in self._is_file:
            self._is_file[path] = os.path.isfile(path)
        return self._is_file[path]

    def beside(self, module: Module) -> list[str]:
        """Return the Python files in a module's folder, if they are not many."""
        names = sorted(name for name in os.listdir(module.folder) if name.endswith(".py"))
        return [self._shown(os.path.join(module.folder, name)) for name in names] if len(names) <= 40 else []

    def forget(self) -> None:
        """Empty the functions of all files: freed like this, trees take a third of the time that cycles of them do."""
        for module in filter(None, self._modules.values()):
            for function in module.functions:
                function.body.clear()
            module.tree.body.clear()
        self._modules.clear()

    def name_path(self, path: str) -> None:
        """Have a file shown under the path that it was given by."""
        self._paths[os.path.abspath(path)] = path

    def _shown(self, path: str) -> str:
        if path in self._paths:
            return self._paths[path]
        relative = os.path.relpath(path)
        return path if relative.startswith("..") else relative
