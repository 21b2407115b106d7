"""Modules and entry points: in which order a program's bodies are evaluated, and from where."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from xent.lint.frameworks import datasets, jax, keras, libraries, sklearn, torch
from xent.lint.machine import STEPS, Exhausted, Frame
from xent.lint.objects import ASSUMED
from xent.lint.project import Module
from xent.lint.statements import Statements
from xent.lint.values import (
    UNKNOWN,
    Class,
    Deferred,
    External,
    Function,
    Mapping,
    ModuleRef,
    Object,
    Seq,
    Unknown,
    Value,
)

_BUILTINS = frozenset(
    [
        "super",
        "getattr",
        "setattr",
        "list",
        "tuple",
        "dict",
        "enumerate",
        "zip",
        "len",
        "float",
        "int",
        "sum",
        "round",
        "isinstance",
        "str",
        "bool",
        "reversed",
        "range",
    ]
)
#: Bases that are long, and say nothing of which value meets which loss.
_FRAMES = frozenset(
    {"PreTrainedModel", "GenerationMixin", "PushToHubMixin", "TFPreTrainedModel", "FlaxPreTrainedModel"}
)


class Interpreter(Statements):
    """The whole machine."""

    # ---- modules

    def load(self, module: Module) -> None:
        """Evaluate the body of a module, once; what it writes stays, whatever branch asked for it."""
        module.loading = True
        journal, self.journal = self.journal, []
        frames = self.frames
        self.frames = [*(frames[:1] if len(frames) > 40 else frames), Frame(module, module.scope)]
        try:
            self.body(module.tree.body)
        except RecursionError:
            pass
        finally:
            self.journal, self.frames = journal, frames
            module.loading, module.loaded = False, True

    def starred(self, module: Module, name: str) -> Value:
        """Return a name that came by a star, or is built in."""
        for star in module.stars:
            found = libraries.external(f"{star}.{name}")
            if _in_tables(found.name):
                return found
        return External(f"builtins.{name}") if name in _BUILTINS else UNKNOWN

    def check(self, module: Module) -> None:
        """Evaluate all that a file holds: its body, then each function and method that nothing has called."""
        self.steps = 0
        self.deadline = STEPS
        self.evaluated -= module.functions
        self.events = []
        try:
            if not module.loaded and not module.loading:
                self.load(module)
            entries = list(self._functions(module, module.tree.body, None))
            telling = _telling(module, entries)
            for function in telling:
                self._enter(module, function)
            for value in list(module.scope.names.values()):
                if (
                    isinstance(value, Function)
                    and isinstance(value.node, ast.Lambda)
                    and value.node not in self.evaluated
                ):
                    self.frames = [Frame(module, module.scope)]
                    self.run(value, (), {}, value.node)
            for cls in list(module.scope.names.values()):
                if (
                    isinstance(cls, Class)
                    and cls.module is module
                    and any(isinstance(base, Class) for base in cls.bases)
                ):
                    self._enter_instance(self.instance(cls), True)
            for instance in self._made():
                self._enter_instance(instance)
            for function in telling:
                if self._has_dead_losses(module, function):
                    self._enter(module, function, with_options=True)
        except Exhausted:
            self.frames.clear()
            self.journal.clear()

    def _functions(
        self, module: Module, body: Sequence[ast.stmt], cls: ast.ClassDef | None
    ) -> Iterator[tuple[ast.ClassDef | None, ast.FunctionDef | ast.AsyncFunctionDef]]:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield cls, node
            elif isinstance(node, ast.ClassDef):
                yield from self._functions(module, node.body, node)
            elif isinstance(node, ast.If | ast.Try | ast.With):
                yield from self._functions(module, node.body, cls)
                if isinstance(node, ast.If):
                    yield from self._functions(module, node.orelse, cls)

    def _has_dead_losses(self, module: Module, entry: Entry) -> bool:
        """Whether a loss was not met that some option of a function, or of its class, may switch on."""
        cls_node, node = entry
        if not module.losses(node):
            return False
        makers = [node, *(each for each in getattr(cls_node, "body", ()) if getattr(each, "name", "") == "__init__")]
        if not any(_options(maker) for maker in makers):
            return False
        lines = module.loss_lines(node)
        return any(
            isinstance(call, ast.Call) and call.lineno in lines and call not in self.calls_seen
            for call in ast.walk(node)
        )

    def _enter(self, module: Module, entry: Entry, with_options: bool = False) -> None:
        cls_node, node = entry
        if node in self.evaluated and not with_options:
            return
        mark = len(self.journal)
        self.frames = [Frame(module, module.scope)]
        self.entry = node
        try:
            if cls_node is None:
                value = module.scope.names.get(node.name)
                if not (isinstance(value, Function) and value.node is node):
                    value = Function(node, module, module.scope)
                given = self._like_globals(module, node)
                self.run(value, (), {**_options(node), **given} if with_options else given, node)
                return
            cls = module.scope.names.get(cls_node.name)
            if isinstance(cls, Class) and cls.node is cls_node:
                method = cls.names.get(node.name)
                if not isinstance(method, Function) or method.node is not node:
                    return
                this = self.instance(cls, with_options)
                self.ready(this)
                if node.name != "__init__":
                    options = _options(node) if with_options else {}
                    self.run(method.bind(this) if not _static(node) else method, self._given(this, node), options, node)
        except RecursionError:
            return
        finally:
            self.undo(mark)
            self.frames = []

    def _like_globals(self, module: Module, node: ast.FunctionDef | ast.AsyncFunctionDef) -> dict[str, Value]:
        """Return the module's own objects for parameters of their names, for a function that the file never calls."""
        names = [a.arg for a in (*node.args.args, *node.args.kwonlyargs)]
        found = {name: module.scope.names.get(name) for name in names}
        return {name: value for name, value in found.items() if isinstance(value, Object) and value.module is module}

    def _given(self, this: Object, node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[Value, ...]:
        """Return what a framework hands to a hook: a batch of the module's own loader, or a trainer's model."""
        names = [a.arg for a in node.args.args[1:2]]
        if node.name in ("training_step", "validation_step", "test_step"):
            assert this.cls is not None
            for cls in this.cls.line_up():
                loader = cls.names.get("train_dataloader")
                if isinstance(loader, Function):
                    return (datasets.element(self, self.run(loader.bind(this), (), {}, node), node),)
        if names == ["model"] and (model := this.argument(0, "model")) is not None:
            return (model,)
        return ()

    def instance(self, cls: Class, with_options: bool = False) -> Object:
        """Return an instance of a class as it is made with its defaults, or with options that nobody knows."""
        init = cls.names.get("__init__")
        options = _options(init.node) if with_options and isinstance(init, Function) else {}
        return Object(cls, ASSUMED, (), options, cls.module, cls.node)

    def _made(self) -> list[Object]:
        counts: dict[Class, int] = {}
        chosen = []
        for instance in self.instances:
            assert instance.cls is not None
            counts[instance.cls] = counts.get(instance.cls, 0) + 1
            if counts[instance.cls] <= 2 and (instance.args or instance.kwargs):
                chosen.append(instance)
        self.instances.clear()
        return chosen

    def _enter_instance(self, this: Object, inherited: bool = False) -> None:
        """Evaluate the methods of an instance that the program made, or those that a class inherits.

        A driver that is not seen may call them.
        """
        assert this.cls is not None
        if not inherited and not any(known_argument(value) for value in (*this.args, *this.kwargs.values())):
            return
        for cls in this.cls.line_up()[1 if inherited else 0 :]:
            for name, method in list(cls.names.items()):
                if inherited and name in this.cls.names:
                    continue
                if not isinstance(method, Function) or isinstance(method.node, ast.Lambda) or name == "__init__":
                    continue
                if name in ("forward", "call", "__call__") or not method.module.losses(method.node):
                    continue
                mark = len(self.journal)
                self.frames = [Frame(method.module, method.module.scope)]
                self.entry = method.node
                try:
                    given = self._given(this, method.node)
                    self.run(method.bind(this) if not _static(method.node) else method, given, {}, method.node)
                except RecursionError:
                    pass
                finally:
                    self.undo(mark)
                    self.frames = []

    def imported(self, node: ast.Import | ast.ImportFrom) -> bool:
        """Bind the names of an import; their modules are read when the names are looked at."""
        return self._import(node) if isinstance(node, ast.Import) else self._import_from(node)

    def _import(self, node: ast.Import) -> bool:
        for alias in node.names:
            name = alias.name if alias.asname else alias.name.partition(".")[0]
            self.assign(alias.asname or name, Deferred(self.module, name, None, 0))
        return True

    def resolve(self, name: Deferred) -> Value:
        """Follow an import, now that its name is looked at."""
        if name.bound in _FRAMES:
            return External(f"transformers.{name.bound}")
        found = self.tree.find(name.name, name.module, name.level) if name.name or name.level else None
        if name.bound is None:
            return ModuleRef(found) if found is not None else libraries.external(name.name)
        value: Value = UNKNOWN
        if found is not None and len(self.frames) < 60:
            value = self.in_module(found, name.bound)
        if isinstance(value, Unknown):
            inner = self.tree.find(f"{name.name}.{name.bound}" if name.name else name.bound, name.module, name.level)
            if inner is not None:
                return ModuleRef(inner)
            if found is None and not name.level:
                return libraries.external(f"{name.name}.{name.bound}")
        return value

    def _import_from(self, node: ast.ImportFrom) -> bool:
        name = node.module or ""
        for alias in node.names:
            if alias.name == "*":
                self._star(self.tree.find(name, self.module, node.level), name)
            else:
                bound = alias.asname or alias.name
                self.assign(bound, Deferred(self.module, name, alias.name, node.level))
                if len(self.frames) == 1 and self.module.text.count(bound) == 1:
                    self.lookup(bound)  # imported for what it registers
        return True

    def _star(self, found: Module | None, name: str) -> None:
        if found is None:
            self.module.stars.append(libraries.external(name).name)
            return
        if not found.loaded and not found.loading and len(self.frames) < 60:
            self.load(found)
        for key, value in list(found.scope.names.items()):
            if not key.startswith("_"):
                self.assign(key, value)
        self.module.stars.extend(found.stars)


Entry = tuple[ast.ClassDef | None, ast.FunctionDef | ast.AsyncFunctionDef]


def _telling(module: Module, entries: list[Entry]) -> list[Entry]:
    """Return the functions that could meet a loss by their words, and those that call one of these by its name."""
    chosen = {node for _, node in entries if module.tells(node)}
    meeting = {node for node in chosen if module.losses(node)}
    names = {node.name for cls, node in entries if cls is None and node in meeting}
    names |= {cls.name for cls, node in entries if cls is not None and node in meeting}
    if names:
        chosen |= set(filter(module.calls(names), (node for _, node in entries)))
    return [entry for entry in entries if entry[1] in chosen]


def _options(node: ast.AST) -> dict[str, Value]:
    """Return the parameters whose default switches something off or on, as values that nobody knows."""
    given = getattr(node, "args", None)
    if not isinstance(given, ast.arguments):
        return {}
    positional = [*given.posonlyargs, *given.args]
    last = positional[len(positional) - len(given.defaults) :]
    pairs = [*zip(last, given.defaults, strict=True), *zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    return {
        name.arg: UNKNOWN
        for name, default in pairs
        if isinstance(default, ast.Constant) and (isinstance(default.value, bool | str | None) or default.value == 0)
    }


def known_argument(value: Value) -> bool:
    """Whether an argument says something of which loss or which model is meant."""
    return isinstance(value, Object | Function | Class | External | Seq | Mapping)


def _static(node: ast.AST) -> bool:
    return any(getattr(d, "id", "") == "staticmethod" for d in getattr(node, "decorator_list", []))


def _in_tables(name: str) -> bool:
    tables = (torch.FUNCTIONS, torch.LAYERS, torch.LOSS_CLASSES, torch.LOSS_FUNCTIONS, keras.FUNCTIONS, keras.LAYERS)
    return any(name in table for table in (*tables, jax.FUNCTIONS, jax.LAYERS, jax.LOSSES, sklearn.FUNCTIONS)) or (
        name in torch.CONTAINERS
        or name.startswith("keras.losses.")
        or name in ("torch.nn", "torch.nn.functional", "torch.nn.Module")
    )
