"""Who may import whom: DESIGN's dependency direction, read from the source of every module.

Imports inside functions count, for they are dependencies too; imports under ``TYPE_CHECKING`` do not, for they never
happen. A room is a top-level module or package of xent.
"""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import xent

ROOT = Path(xent.__file__).parent

#: From the ground up. A room imports from lower layers and from itself, never from its own layer's other rooms.
LAYERS = [
    {"errors"},
    {"_arrays", "_estimates", "_files", "_pieces", "_spellings", "kernels"},
    {"_validate"},
    {"mining"},
    {"_options"},
    {"_pipeline"},
    {"_sigmoid"},
    {"losses"},
    {"functional", "information", "loss_functions", "recommendation", "targets"},
    {"heads", "linear", "torch", "jax", "classifiers", "sampling"},
    {"calibration", "pytest_plugin"},  # pytest_plugin: the guard of torch in tests
    {"decisions"},
    {"explorer", "lint"},  # explorer: the audit's report draws with its charts
    {"audit"},
    {"cli"},
    {"__main__"},
]
LAYER_OF = {room: layer for layer, rooms in enumerate(LAYERS) for room in rooms}
#: They take the arrays of every framework and import none: what they need is found among the loaded modules.
MATHEMATICS = {
    *("errors", "kernels", "_arrays", "_validate", "mining", "_options", "_pipeline", "_sigmoid", "losses"),
    *("functional", "information", "loss_functions", "recommendation", "targets", "heads", "sampling"),
    "_spellings",
}
AT_HOME = {"torch": ("xent.torch", "xent.kernels.triton"), "triton": ("xent.kernels.triton",), "jax": ("xent.jax",)}


class Import(NamedTuple):
    name: str  # of a module: xent's own are resolved to the module that a name comes from
    line: int
    deferred: bool  # inside a function


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in sorted(ROOT.rglob("*.py"))}


def room(module: str) -> str:
    return module.split(".")[1]


def runtime_imports(tree: ast.AST, deferred: bool = False) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node, deferred
        elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in node.orelse:
                yield from runtime_imports(ast.Module([other], []), deferred)
        else:
            function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from runtime_imports(node, deferred or function)


@cache
def imports(module: str) -> list[Import]:
    found = []
    for node, deferred in runtime_imports(ast.parse(MODULES[module].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            assert node.level == 0, f"{module}:{node.lineno}: imports are absolute here"
            assert node.module is not None
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else node.module for name in submodules]
        found += [Import(name, node.lineno, deferred) for name in names]
    return found


def test_the_walk_sees_what_is_there():
    """The other tests are only as good as this reading of the source."""
    source = """
from typing import TYPE_CHECKING
import a.b
if TYPE_CHECKING:
    import never
else:
    import otherwise
try:
    from c import d
except ImportError:
    class C:
        import e
def f():
    if True:
        from g import h
"""
    seen = [(ast.unparse(node), deferred) for node, deferred in runtime_imports(ast.parse(source))]
    assert seen == [
        ("from typing import TYPE_CHECKING", False),
        ("import a.b", False),
        ("import otherwise", False),
        ("from c import d", False),
        ("import e", False),
        ("from g import h", True),
    ]
    assert {"xent.kernels", "xent.kernels.numpy"} <= {found.name for found in imports("xent.functional")}
    assert "xent.losses" not in {found.name for found in imports("xent._pipeline")}


def test_every_room_has_its_layer():
    unplaced = {room(module) for module in MODULES if module != "xent"} - set(LAYER_OF)
    assert not unplaced, f"say in LAYERS, and in DESIGN, where these stand: {sorted(unplaced)}"


@pytest.mark.parametrize("module", [module for module in MODULES if module != "xent"])
def test_imports_point_down(module):
    for name, line, _ in imports(module):
        if name.partition(".")[0] != "xent":
            continue
        where = f"{MODULES[module]}:{line}: {module} imports {name}"
        assert name != "xent", f"{where}: the package's front is for its users; import from the module itself"
        own, other = room(module), room(name)
        assert own == other or LAYER_OF[other] < LAYER_OF[own], where


@pytest.mark.parametrize("module", [module for module in MODULES if module != "xent"])
def test_frameworks_stay_in_their_rooms(module):
    for name, line, deferred in imports(module):
        top, where = name.partition(".")[0], f"{MODULES[module]}:{line}: {module} imports {name}"
        if room(module) in MATHEMATICS and not module.startswith("xent.kernels.triton"):
            assert top in {"xent", "numpy"} or top in sys.stdlib_module_names, where
        if not deferred:
            assert module.startswith(AT_HOME.get(top, "xent")), where


def test_nothing_is_imported_by_the_front_itself():
    """Public names are loaded when they are first used."""
    assert {found.name for found in imports("xent")} <= {"__future__", "importlib", "typing"}


def test_no_import_cycle():
    """What runs on import has an order; graphlib names the cycle where there is none."""
    graph = {
        module: {found.name for found in imports(module) if found.name in MODULES and not found.deferred}
        for module in MODULES
    }
    order = list(TopologicalSorter(graph).static_order())
    assert order.index("xent.errors") < order.index("xent._validate") < order.index("xent.functional")
