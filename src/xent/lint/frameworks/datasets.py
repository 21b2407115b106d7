"""Where labels come from: data loaders, known data sets, tokenizers, scikit-learn's examples."""

from __future__ import annotations

import ast

from xent.lint.frameworks.site import Site
from xent.lint.machine import Machine
from xent.lint.values import (
    UNKNOWN,
    Const,
    Function,
    Kind,
    Link,
    Mapping,
    Method,
    Object,
    Seq,
    Tensor,
    Unknown,
    Value,
    constant,
    seq,
)

_CLASSES = {
    "CIFAR10": 10,
    "CIFAR100": 100,
    "MNIST": 10,
    "FashionMNIST": 10,
    "KMNIST": 10,
    "SVHN": 10,
    "STL10": 10,
    "Food101": 101,
    "Flowers102": 102,
    "OxfordIIITPet": 37,
    "load_iris": 3,
    "load_wine": 3,
    "load_digits": 10,
}
_FLAT = Tensor(Kind.ANY, rank=1, marks=frozenset({"flat"}))


def call(site: Site, name: str) -> Value | None:
    """Make a data set or split one, or return None if a name does neither."""
    last = name.rpartition(".")[2]
    if name.startswith("torchvision.datasets.") and last in _CLASSES:
        return Object(None, name, tuple(site.args), site.kwargs, site.module, site.node)
    if name == "sklearn.datasets.make_multilabel_classification":
        return seq(
            [UNKNOWN, Tensor(Kind.MULTI_HOT, rank=2, trail=site.link(f"{last} gives multi-hot rows"))], mutable=False
        )
    if name.startswith("sklearn.datasets.") and last in _CLASSES:
        index = Tensor(
            Kind.INDEX, classes=Const(_CLASSES[last]), rank=1, trail=site.link(f"{last} has {_CLASSES[last]} classes")
        )
        index = index.but(marks=frozenset({"flat", "of a data set"}))
        if constant(site.kwargs.get("return_X_y")):
            return seq([UNKNOWN, index], mutable=False)
        return Object(None, name, (), {}, site.module, site.node, {"target": index, "data": UNKNOWN})
    if name in ("numpy.pad", "jax.numpy.pad"):
        value = site.constant(3, "constant_values")
        return _padded(site, 0 if value is None else value)
    if last == "pad_sequences" and name.startswith("keras."):
        value = site.constant(99, "value")
        return _padded(site, 0 if value is None else value)
    if name.startswith("sklearn.datasets."):
        if last.startswith("make_") or constant(site.kwargs.get("return_X_y")):
            return seq([UNKNOWN, _FLAT], mutable=False)
        return Object(None, name, (), {}, site.module, site.node, {"target": _FLAT, "data": UNKNOWN})
    if last == "train_test_split":
        return seq([each for value in site.args for each in (value, value)], mutable=False)
    if name == "jax.random.randint":
        size, high = site.get(1, "shape"), site.get(3, "maxval")
        rank = len(size.items) if isinstance(size, Seq) else None
        return Tensor(Kind.INDEX, classes=high, rank=rank, trail=site.link("randint gives class indices"))
    if name in ("numpy.array", "numpy.asarray", "jax.numpy.asarray", "jax.numpy.array") and isinstance(
        site.get(0), Object
    ):
        return site.get(0)
    return None


def _padded(site: Site, value: object) -> Value:
    if not isinstance(value, int | float):
        return UNKNOWN
    link = site.link(f"rows are filled with {value:g}")
    return Tensor(Kind.ANY, trail=link, marks=frozenset({f"padded with {value:g}"}))


def apply(site: Site, made: Object) -> Value | None:
    """Call a tokenizer: what it pads is padded with its pad id."""
    if not (made.name.startswith("transformers.") and "Tokenizer" in made.name):
        return None
    padding = site.kwargs.get("padding")
    padded = padding is not None and not (isinstance(padding, Const) and not padding.value)
    ids = Tensor(Kind.ANY, rank=2)
    if padded:
        link = Link("the tokenizer pads", site.module, site.node)
        ids = ids.but(trail=link, marks=frozenset({"padded with the pad id"}))
    return Object(None, "?encoding", (), {}, site.module, site.node, {"input_ids": ids, "?tokenizer": made})


def attribute(machine: Machine, base: Object, name: str, node: ast.AST) -> Value | None:
    """Return a tokenizer's pad id: the end-of-text id, where the program has made them one."""
    if "Tokenizer" in base.name and name == "pad_token_id":
        pad = base.attrs.get("pad_token")
        if isinstance(pad, Method) and pad.name == "eos_token":
            return Unknown("?the end-of-text id")
    return None


def method(site: Site, base: Object, name: str) -> Value | None:
    """Return what a data set's or an encoding's method gives, or None."""
    if base.name == "?encoding" and name in ("to", "copy"):
        return base
    return None


def element(machine: Machine, source: Value, node: ast.AST) -> Value:
    """Return what one turn of a loop over a loader or a data set gives."""
    if isinstance(source, Object) and source.name.rpartition(".")[2] == "DataLoader" and source.cls is None:
        collate = source.kwargs.get("collate_fn")
        if isinstance(collate, Function):
            return machine.call(collate, (UNKNOWN,), {}, node)
        return element(machine, source.argument(0, "dataset") or UNKNOWN, node)
    if isinstance(source, Object) and source.cls is not None:
        for cls in source.cls.line_up():
            found = cls.names.get("__getitem__")
            if isinstance(found, Function):
                return machine.run(found.bind(source), (), {}, node)
        return UNKNOWN
    if isinstance(source, Object) and source.name.endswith("TensorDataset"):
        return seq(source.args, mutable=False)
    if isinstance(source, Object) and source.name.startswith("torchvision.datasets."):
        classes = _CLASSES.get(source.name.rpartition(".")[2])
        if classes is not None:
            link = Link(f"{source.name.rpartition('.')[2]} has {classes} classes", source.module, source.node)
            index = Tensor(
                Kind.INDEX, classes=Const(classes), rank=1, trail=link, marks=frozenset({"flat", "of a data set"})
            )
            return seq([UNKNOWN, index], mutable=False)
    return UNKNOWN


def ids(mapping: Mapping) -> Value | None:
    """Return class indices where a mapping of names to 0 … n − 1 is looked up by a name that is not known."""
    numbers = {key: constant(value) for key, value in mapping.store.items() if key is not ...}
    if len(numbers) < 2 or sorted(n for n in numbers.values() if isinstance(n, int)) != list(range(len(numbers))):
        return None
    padding = ("pad", "ignore", "unlabel", "void", "null", "none", "unk")
    skipped = {f"{n} is padding" for key, n in numbers.items() if any(word in str(key).lower() for word in padding)}
    return Tensor(Kind.INDEX, classes=Const(len(numbers)), marks=frozenset({"of a data set", *skipped}))
