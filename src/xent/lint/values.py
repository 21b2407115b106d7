"""What an expression may hold, as far as the linter can tell without running it.

A value is immutable but for the stores of sequences, mappings and objects, which only ``Machine.write`` may change, so
that the arms of an ``if`` can be tried one after the other and joined.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xent.lint.events import LossCall
    from xent.lint.project import Module

Store = dict[Any, Any]


class Kind(StrEnum):
    """What the numbers of a tensor are."""

    ANY = "a tensor"
    LOGITS = "logits"  # what a linear or convolutional layer gives, nothing after it
    SOFTMAX = "probabilities of a softmax"
    SIGMOID = "probabilities of a sigmoid"
    LOG_SOFTMAX = "log-probabilities"
    LOG_SIGMOID = "logarithms of a sigmoid"
    RELU = "values cut off by ReLU"
    CLIPPED = "values squeezed into a range"
    INDEX = "class indices"
    ONE_HOT = "one-hot rows"
    MULTI_HOT = "multi-hot rows"
    LOSS = "a loss"
    NOT_SIGMOID = "1 − sigmoid"
    EXP = "exponentials"
    SUM_EXP = "a sum of exponentials"
    MAXIMUM = "a maximum"


PROBABILITIES = frozenset({Kind.SOFTMAX, Kind.SIGMOID})
LOG_PROBABILITIES = frozenset({Kind.LOG_SOFTMAX, Kind.LOG_SIGMOID})


@dataclass(frozen=True, slots=True)
class Link:
    """The last step of a chain of evidence, and the chain before it."""

    text: str
    module: Module
    node: ast.AST
    before: Link | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """The call of an activation, and how it is called: a function, a method, or a layer, which ``layer`` makes."""

    module: Module
    node: ast.AST
    kind: Kind
    how: str
    layer: ast.AST | None = None


class Value:
    """Base of all; by itself: nothing is known."""

    __slots__ = ()


class Unknown(Value):
    """Something of which nothing is known but, for a symbol, that it is the same thing wherever it turns up."""

    __slots__ = ("name",)

    def __init__(self, name: str = "") -> None:
        self.name = name


UNKNOWN = Unknown()


class Comparison(Unknown):
    """A comparison with a number: which entries it holds for is unknown, the question is not."""

    __slots__ = ("test",)

    def __init__(self, test: ast.Compare) -> None:
        super().__init__()
        self.test = test


@dataclass(frozen=True, slots=True)
class Const(Value):
    """A literal: None, a truth value, a number or a text."""

    value: Any


NONE = Const(None)


@dataclass(frozen=True, slots=True)
class External(Value):
    """A name of a library, by its dotted path: ``torch.nn.functional.softmax``."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class ModuleRef(Value):
    """A module of the tree."""

    module: Module


@dataclass(frozen=True, slots=True, eq=False)
class Function(Value):
    """A function of the tree, with what it closes over and the object it is bound to."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    module: Module
    scope: Scope | None
    owner: Class | None = None
    bound: Value | None = None

    def bind(self, to: Value) -> Function:
        """Return the method of an object."""
        return replace(self, bound=to)

    @property
    def name(self) -> str:
        """Its name, as messages show it."""
        return getattr(self.node, "name", "lambda")


@dataclass(frozen=True, slots=True, eq=False)
class Class(Value):
    """A class of the tree: its own names, and the bases as they were evaluated."""

    node: ast.ClassDef
    module: Module
    bases: tuple[Value, ...]
    names: Store
    scope: Scope | None

    def line_up(self) -> list[Class]:
        """Return the class and its bases of the tree, depth first, each once."""
        found: list[Class] = []

        def visit(cls: Class) -> None:
            if cls not in found and len(found) < 64:
                found.append(cls)
                for base in cls.bases:
                    if isinstance(base, Class):
                        visit(base)

        visit(self)
        return found

    def libraries(self) -> list[str]:
        """Return the dotted names of the libraries' classes that it stands on."""
        return [base.name for cls in self.line_up() for base in cls.bases if isinstance(base, External)]


@dataclass(frozen=True, slots=True, eq=False)
class Object(Value):
    """An instance: of a class of the tree (``cls``), or of a library's class or factory (``name``)."""

    cls: Class | None
    name: str
    args: tuple[Value, ...]
    kwargs: dict[str, Value]
    module: Module
    node: ast.AST
    attrs: Store = field(default_factory=dict)

    def argument(self, position: int, keyword: str) -> Value | None:
        """Return what the maker was given, or None."""
        if keyword in self.kwargs:
            return self.kwargs[keyword]
        return self.args[position] if 0 <= position < len(self.args) else None


@dataclass(frozen=True, slots=True, eq=False)
class Method(Value):
    """An attribute of a value that is no object of the tree: what it is shows when it is called."""

    base: Value
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Partial(Value):
    """A callable with some arguments given, or changed on its way (``how``: partial, grad, value_and_grad)."""

    function: Value
    args: tuple[Value, ...] = ()
    kwargs: dict[str, Value] = field(default_factory=dict)
    how: str = "partial"


@dataclass(frozen=True, slots=True, eq=False)
class Choice(Value):
    """One of several callables, none of which is a tensor; of two, the first where ``test`` held."""

    options: tuple[Value, ...]
    test: ast.expr | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Seq(Value):
    """A list or tuple. ``store["items"]`` is a tuple; ``store["exact"]`` says whether there are no others."""

    store: Store
    mutable: bool = True

    @property
    def items(self) -> tuple[Value, ...]:
        """The items that are known."""
        items: tuple[Value, ...] = self.store["items"]
        return items

    @property
    def exact(self) -> bool:
        """Whether these are all, in this order."""
        return bool(self.store["exact"])


def seq(items: tuple[Value, ...] | list[Value], exact: bool = True, mutable: bool = True) -> Seq:
    """Make a sequence."""
    return Seq({"items": tuple(items), "exact": exact}, mutable)


@dataclass(frozen=True, slots=True, eq=False)
class Mapping(Value):
    """A dictionary: constant keys and what stands under them; the key ``...`` is there if others may be."""

    store: Store


@dataclass(frozen=True, slots=True, eq=False)
class Tensor(Value):
    """An array of numbers, and what is known of it.

    ``axis``: of the softmax; ``classes``: the size of the class axis, a Const or a symbol; ``class_axis``: -1 after a
    linear layer, 1 after a convolution; ``origin``: the layer that made the logits; ``trail``: the evidence.
    """

    kind: Kind
    axis: int | None = None
    classes: Value | None = None
    class_axis: int | None = None
    rank: int | None = None
    origin: ast.AST | None = None
    trail: Link | None = None
    call: LossCall | None = None
    calls: tuple[LossCall, ...] = ()  # all that a sum of losses is made of
    detached: Link | None = None
    tempered: Link | None = None
    scrambled: Link | None = None  # a view put the name of the class axis where its numbers are not
    softened: bool = False  # a small constant was added
    turn: int = 0  # how many loops it was made in, anew at each turn
    of: str = ""  # the expression that it was made of, where that matters
    made: Made | None = None  # the activation that it comes from
    marks: frozenset[str] = frozenset()

    def but(self, **changes: Any) -> Tensor:
        """Return the tensor with something else known."""
        return replace(self, **changes)

    @property
    def n_classes(self) -> int | None:
        """The size of the class axis, if it is a number."""
        value = self.classes.value if isinstance(self.classes, Const) else None
        return value if isinstance(value, int) and not isinstance(value, bool) else None


class Deferred(Value):
    """A name that an import binds: the module is read when the name is first looked at."""

    __slots__ = ("bound", "level", "module", "name")

    def __init__(self, module: Module, name: str, bound: str | None, level: int) -> None:
        self.module = module  # the one that imports
        self.name = name
        self.bound = bound  # the name in the imported module; None for the module itself
        self.level = level


class Scope:
    """The names of a function's body, or of a module, and the scope around it."""

    __slots__ = ("names", "outer", "shared")

    def __init__(self, names: Store, outer: Scope | None = None) -> None:
        self.names = names
        self.outer = outer
        self.shared: set[str] = set()  # declared nonlocal


def held(store: Store, key: Any) -> Value:
    """Return what stands under a key of a store."""
    value: Value = store[key]
    return value


def constant(value: Value | None) -> Any:
    """Return the number, text or truth value, or None for all that is not constant."""
    return value.value if isinstance(value, Const) else None


def numbers_of(value: Value | None) -> list[Any] | None:
    """Return the numbers of an array that stands in the program, or None."""
    if not isinstance(value, Object) or value.name != "?numbers" or not value.args:
        return None
    given = value.args[0]
    if not isinstance(given, Seq) or not given.exact or not given.items:
        return None
    numbers = [constant(item) for item in given.items]
    return numbers if all(isinstance(number, int | float) for number in numbers) else None


def known(value: Value | None) -> bool:
    """Whether anything at all is known of a value."""
    return value is not None and not isinstance(value, Unknown | Method)


def same(a: Value | None, b: Value | None) -> bool:
    """Whether two values are one for certain."""
    if a is b:
        return a is not None and a is not UNKNOWN
    return isinstance(a, Const | External) and type(a) is type(b) and a == b


_CALLABLE = (Object, Function, Class, External, Partial, Choice)


def join(a: Value, b: Value) -> Value:
    """Return what is known of a value that is one of two: what they have in common."""
    if a is b or same(a, b):
        return a
    if a is NONE or (isinstance(a, Const) and a.value is None):
        return b
    if isinstance(b, Const) and b.value is None:
        return a
    for one, other in ((a, b), (b, a)):
        if isinstance(one, Unknown) and one.name == "?loaded" and isinstance(other, Object):
            return other  # the same model, read from a file
    for one, other in ((a, b), (b, a)):  # a sum that starts at 0
        if (
            isinstance(one, Const)
            and isinstance(one.value, int | float)
            and isinstance(other, Tensor)
            and other.kind is Kind.LOSS
        ):
            return other
    if isinstance(a, Tensor) and isinstance(b, Tensor):
        return _join_tensors(a, b)
    if isinstance(a, Seq) and isinstance(b, Seq) and len(a.items) == len(b.items):
        return seq([join(x, y) for x, y in zip(a.items, b.items, strict=True)], a.exact and b.exact, a.mutable)
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        shared = {key: join(a.store[key], b.store[key]) for key in a.store if key in b.store}
        return Mapping({**shared, ...: UNKNOWN})
    if isinstance(a, _CALLABLE) and isinstance(b, _CALLABLE):
        options = (*_options(a), *(o for o in _options(b) if not any(o is p or same(o, p) for p in _options(a))))
        return Choice(options) if len(options) <= 6 else UNKNOWN
    return UNKNOWN


def _options(value: Value) -> tuple[Value, ...]:
    return value.options if isinstance(value, Choice) else (value,)


def _join_tensors(a: Tensor, b: Tensor) -> Value:
    for one, other in ((a, b), (b, a)):
        if "zeros" in one.marks and other.kind is Kind.MULTI_HOT:
            return other
    if a.kind != b.kind:
        return Tensor(Kind.ANY, rank=a.rank if a.rank == b.rank else None)
    return a.but(
        axis=a.axis if a.axis == b.axis else None,
        classes=a.classes if same(a.classes, b.classes) else None,
        class_axis=a.class_axis if a.class_axis == b.class_axis else None,
        rank=a.rank if a.rank == b.rank else None,
        origin=a.origin if a.origin is b.origin else None,
        call=a.call if a.call is b.call else None,
        calls=a.calls if a.calls == b.calls else (),
        scrambled=a.scrambled if b.scrambled else None,
        detached=a.detached if b.detached else None,
        tempered=a.tempered if b.tempered else None,
        softened=a.softened and b.softened,
        of=a.of if a.of == b.of else "",
        made=a.made if a.made == b.made else None,
        marks=a.marks & b.marks,
    )
