"""PyTorch: its layers, functions and losses, and what wraps a module."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence

from xent.lint.events import Loss, Revived
from xent.lint.frameworks import tensors
from xent.lint.frameworks.losses import named
from xent.lint.frameworks.site import Site, as_tensor
from xent.lint.machine import Machine
from xent.lint.values import (
    UNKNOWN,
    Class,
    Const,
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

_OLD = ("size_average", "reduce", "reduction")
_CE = ("input", "target", "weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing")
_CE_CLASS = ("weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing")
_BCE = ("input", "target", "weight", "size_average", "reduce", "reduction", "pos_weight")


def _loss(
    name: str, takes: str, family: str, parameters: tuple[str, ...] = ("input", "target"), index: bool = True
) -> Loss:
    return Loss(name, "torch", takes, family, parameters[0], parameters[1], parameters, index=index)


#: Functions, by their arguments.
LOSS_FUNCTIONS: dict[str, Loss] = {
    "torch.nn.functional.cross_entropy": _loss("cross_entropy", "logits", "softmax", _CE),
    "torch.nn.functional.nll_loss": _loss("nll_loss", "log_probs", "softmax", _CE[:-1]),
    "torch.nn.functional.binary_cross_entropy": _loss("binary_cross_entropy", "probs", "sigmoid", _BCE[:-1], False),
    "torch.nn.functional.binary_cross_entropy_with_logits": _loss(
        "binary_cross_entropy_with_logits", "logits", "sigmoid", _BCE, False
    ),
    "torch.nn.functional.kl_div": _loss("kl_div", "log_probs", "kl", ("input", "target", *_OLD, "log_target"), False),
    "torch.nn.functional.multilabel_soft_margin_loss": _loss(
        "multilabel_soft_margin_loss", "logits", "sigmoid", ("input", "target", "weight", *_OLD), False
    ),
    "torchvision.ops.sigmoid_focal_loss": _loss(
        "sigmoid_focal_loss", "logits", "sigmoid", ("inputs", "targets"), False
    ),
    "xent.torch.cross_entropy": _loss("cross_entropy", "logits", "softmax", ("logits", "target", "loss")),
    "xent.torch.binary_cross_entropy": _loss("binary_cross_entropy", "logits", "sigmoid", ("logits", "target"), False),
    "xent.cross_entropy": _loss("cross_entropy", "logits", "softmax", ("logits", "target", "loss")),
    "xent.binary_cross_entropy": _loss("binary_cross_entropy", "logits", "sigmoid", ("logits", "target"), False),
    "torch.nn.functional.mse_loss": _loss("MSELoss", "numbers", "none", index=False),
    "torch.nn.functional.l1_loss": _loss("L1Loss", "numbers", "none", index=False),
    "torch.nn.functional.smooth_l1_loss": _loss("SmoothL1Loss", "numbers", "none", index=False),
}
_NUMBERS = ("size_average", "reduce", "reduction")
#: Classes: the loss that their object is, and the arguments that it is made with.
LOSS_CLASSES: dict[str, tuple[Loss, tuple[str, ...]]] = {
    "torch.nn.CrossEntropyLoss": (_loss("CrossEntropyLoss", "logits", "softmax"), _CE_CLASS),
    "torch.nn.NLLLoss": (_loss("NLLLoss", "log_probs", "softmax"), _CE_CLASS[:-1]),
    "torch.nn.NLLLoss2d": (_loss("NLLLoss2d", "log_probs", "softmax"), _CE_CLASS[:-1]),
    "torch.nn.BCELoss": (_loss("BCELoss", "probs", "sigmoid", index=False), ("weight", *_OLD)),
    "torch.nn.BCEWithLogitsLoss": (
        _loss("BCEWithLogitsLoss", "logits", "sigmoid", index=False),
        ("weight", *_OLD, "pos_weight"),
    ),
    "torch.nn.MultiLabelSoftMarginLoss": (
        _loss("MultiLabelSoftMarginLoss", "logits", "sigmoid", index=False),
        ("weight", *_OLD),
    ),
    "torch.nn.KLDivLoss": (_loss("KLDivLoss", "log_probs", "kl", index=False), (*_OLD, "log_target")),
    "timm.loss.LabelSmoothingCrossEntropy": (
        _loss("LabelSmoothingCrossEntropy", "logits", "softmax", ("x", "target")),
        ("smoothing",),
    ),
    "timm.loss.SoftTargetCrossEntropy": (_loss("SoftTargetCrossEntropy", "logits", "softmax", ("x", "target")), ()),
    "torch.nn.MSELoss": (_loss("MSELoss", "numbers", "none", index=False), _NUMBERS),
    "torch.nn.L1Loss": (_loss("L1Loss", "numbers", "none", index=False), _NUMBERS),
    "torch.nn.SmoothL1Loss": (_loss("SmoothL1Loss", "numbers", "none", index=False), _NUMBERS),
}


def _axis(site: Site, position: int) -> tuple[int | None, bool]:
    """Return the axis, if it is a number, and whether the call says one: be it a name that may hold None."""
    value = site.get(position, "dim", "axis")
    said = value is not None and not (isinstance(value, Const) and value.value is None)
    return site.integer(position, "dim", "axis"), said or _handed_on(site.node, position)


def _handed_on(node: ast.AST, position: int) -> bool:
    if not isinstance(node, ast.Call):
        return False
    if any(keyword.arg is None for keyword in node.keywords) or any(isinstance(a, ast.Starred) for a in node.args):
        return True
    written = [keyword.value for keyword in node.keywords if keyword.arg in ("dim", "axis")] or node.args[position:][:1]
    return any(not isinstance(each, ast.Constant) for each in written)


def _activation(name: str, axis_at: int | None = None) -> Callable[[Site], Value]:
    def apply(site: Site) -> Value:
        given = site.get(0, "input", "x")
        if axis_at is None:
            return tensors.activate(site, name, given, by="function")
        axis, said = _axis(site, axis_at)
        return tensors.activate(site, name, given, axis, said, by="function")

    return apply


def _clip(site: Site) -> Value:
    x = site.get(0, "input")
    return tensors.activate(site, "clip", x, how="tanh") if isinstance(x, Tensor) else UNKNOWN


def _relu(site: Site) -> Value:
    return tensors.activate(site, "relu", site.get(0, "input"))


def _one_hot(site: Site) -> Value:
    classes = site.get(1, "num_classes")
    return Tensor(Kind.ONE_HOT, classes=classes, trail=site.link("one_hot gives one-hot rows"))


def _padded(site: Site) -> Value:
    value = site.get(2, "padding_value")
    number = value.value if isinstance(value, Const) else 0 if value is None else None
    if isinstance(number, int | float):
        return Tensor(
            Kind.ANY,
            trail=site.link(f"pad_sequence fills with {number:g}"),
            marks=frozenset({f"padded with {number:g}"}),
        )
    return UNKNOWN


def _random_index(site: Site) -> Value:
    low, high = (0, site.get(0)) if len(site.args) == 2 else (site.integer(0, "low"), site.get(1, "high"))
    size = site.get(2 if len(site.args) > 2 else 1, "size")
    rank = len(size.items) if isinstance(size, Seq) else None
    marks = frozenset({"flat"}) if rank == 1 else frozenset()
    if constant(high) == 2 and low == 0 and rank == 2 and isinstance(size, Seq) and constant(size.items[1]) != 1:
        return Tensor(Kind.MULTI_HOT, rank=2, trail=site.link("each entry is drawn as 0 or 1 by itself"))
    return Tensor(
        Kind.INDEX,
        classes=high if low == 0 else None,
        rank=rank,
        trail=site.link("randint gives class indices"),
        marks=marks,
    )


def _linear(site: Site) -> Value:
    weight_rank = as_tensor(site.get(0, "input")).rank
    return Tensor(
        Kind.LOGITS, class_axis=-1, rank=weight_rank, origin=site.node, trail=site.link("a linear map gives logits")
    )


def revive(machine: Machine, named: ast.expr, value: Value, node: ast.AST) -> Value:
    """Tell the rules of ``loss.requires_grad = True``: a loss has it already, unless its graph was cut.

    ``loss.detach().requires_grad_()`` is a leaf made on purpose, as a cache of gradients needs.
    Return what the value is now: a leaf of which the gradient is wanted, if the file reads one.
    """
    meant = isinstance(named, ast.Call) and isinstance(named.func, ast.Attribute) and named.func.attr == "detach"
    if isinstance(value, Tensor) and value.kind is Kind.LOSS:
        if not meant:
            machine.emit(Revived(machine.module, node, value))
    elif isinstance(value, Unknown | Method | Tensor):
        text = ast.unparse(named)
        is_new = isinstance(node, ast.Call) and named in node.args  # a new tensor is cut off for certain
        function = machine.frame.function
        around = machine.module.source(function.node) if function is not None else machine.module.text
        used = f"{text}.backward(" in around or (is_new and f"return {text}" in around)
        if used and _LOSS_NAME.search(text):
            machine.emit(Revived(machine.module, node, None))
    if isinstance(value, Tensor) and value.kind is not Kind.LOSS and _READS_GRADIENT.search(machine.module.text):
        return value.but(detached=None)
    return value


_LOSS_NAME = re.compile(r"(?:^|[._])(?:\w*_)?(?:loss|\w+loss)(?:_?\w{1,2})?$", re.I)
_READS_GRADIENT = re.compile(r"\w\.grad\b(?!\s*=)|autograd\.grad\(")


def _renewed(site: Site) -> None:
    if site.constant(-1, "requires_grad") is True and isinstance(site.node, ast.Call) and site.node.args:
        revive(site.machine, site.node.args[0], site.get(0, "data") or UNKNOWN, site.node)


def _variable(site: Site) -> Value:
    _renewed(site)
    return site.get(0, "data") or UNKNOWN


def _tensor(site: Site) -> Value:
    """``torch.tensor([...])``: numbers that stand in the program."""
    _renewed(site)
    given = site.get(0, "data")
    if isinstance(given, Tensor):
        return tensors.detach(site, given) if given.origin is not None and given.kind is not Kind.INDEX else given
    if isinstance(given, Seq) and given.exact and any(isinstance(item, Tensor) and item.origin for item in given.items):
        return Tensor(Kind.ANY, detached=site.link("a new tensor of its numbers is cut off from the graph"))
    if isinstance(given, Object) and given.name == "?by appearance":
        return given
    number = constant(given)
    sized = ast.unparse(site.node.func).endswith("Tensor") if isinstance(site.node, ast.Call) else True
    if isinstance(number, int | float) and not isinstance(number, bool) and not sized:  # torch.Tensor(6) has 6 entries
        return Object(None, "?numbers", (seq([Const(number)]),), {}, site.module, site.node)
    if isinstance(given, Seq) and not given.exact and given.items and isinstance(given.items[0], Tensor):
        return given.items[0]
    if isinstance(given, Seq):
        flat = frozenset({"flat"}) if given.items and all(isinstance(v, Const) for v in given.items) else frozenset()
        return Object(None, "?numbers", (given,), {}, site.module, site.node, {"?marks": flat})
    return given if isinstance(given, Object) and given.name == "?numbers" else UNKNOWN


def _filled(site: Site) -> Value:
    """``torch.zeros(64)``: one size makes a flat tensor, unless it is 1, which meets every shape."""
    sizes = site.args[0].items if site.args and isinstance(site.args[0], Seq) else site.args
    single = len(sizes) == 1 and constant(sizes[0]) == 1
    marks = {"flat"} if len(sizes) == 1 and not single else set()
    if isinstance(site.node, ast.Call) and ast.unparse(site.node.func).endswith(("zeros", "zeros_like")):
        marks |= {"zeros"}
    rank = len(sizes) or None if not single else None
    return Tensor(Kind.ANY, rank=rank, turn=site.machine.loops, marks=frozenset(marks))


def _zeros_like(site: Site) -> Value:
    x = as_tensor(site.get(0))
    return Tensor(Kind.ANY, rank=x.rank, turn=site.machine.loops, marks=frozenset({"zeros"}))


FUNCTIONS: dict[str, Callable[[Site], Value]] = {
    **{f"torch.{name}": _filled for name in ("zeros", "ones", "rand", "randn", "empty")},
    **{f"{top}.{name}": _filled for name in ("zeros", "ones") for top in ("numpy", "jax.numpy")},
    "torch.zeros_like": _zeros_like,
    "torch.autograd.Variable": _variable,
    "torch.softmax": _activation("softmax", 1),
    "torch.nn.functional.softmax": _activation("softmax", 1),
    "torch.special.softmax": _activation("softmax", 1),
    "torch.log_softmax": _activation("log_softmax", 1),
    "torch.nn.functional.log_softmax": _activation("log_softmax", 1),
    "torch.special.log_softmax": _activation("log_softmax", 1),
    "torch.sigmoid": _activation("sigmoid"),
    "torch.nn.functional.sigmoid": _activation("sigmoid"),
    "torch.special.expit": _activation("sigmoid"),
    "torch.nn.functional.logsigmoid": _activation("log_sigmoid"),
    "torch.nn.functional.relu": _relu,
    "torch.relu": _relu,
    "torch.nn.functional.relu6": _relu,
    "torch.tanh": _clip,
    "torch.nn.functional.tanh": _clip,
    "torch.nn.functional.hardtanh": _clip,
    "torch.nn.functional.one_hot": _one_hot,
    "torch.nn.utils.rnn.pad_sequence": _padded,
    "torch.randint": _random_index,
    "torch.nn.functional.linear": _linear,
    "torch.tensor": _tensor,
    "torch.FloatTensor": _tensor,
    "torch.Tensor": _tensor,
    "torch.as_tensor": _tensor,
    "torch.from_numpy": _tensor,
    "torch.compile": lambda site: site.get(0, "model") or UNKNOWN,
    "torch.jit.script": lambda site: site.get(0, "obj") or UNKNOWN,
    "torch.utils.checkpoint.checkpoint": lambda site: site.machine.call(
        site.args[0] if site.args else UNKNOWN, site.args[1:], {}, site.node
    ),
    "torch.load": lambda site: Unknown("?loaded"),
    "torch.hub.load": lambda site: Object(None, "torchvision.models.hub", (), {}, site.module, site.node),
}

# ---- layers


def _head(site: Site, layer: Object, units: Value | None, class_axis: int, rank: int | None) -> Tensor:
    link = Link(f"{layer.name.rpartition('.')[2]} gives logits", layer.module, layer.node)
    return Tensor(Kind.LOGITS, classes=units, class_axis=class_axis, rank=rank, origin=layer.node, trail=link)


def _of_linear(site: Site, layer: Object) -> Value:
    x = as_tensor(site.get(0, "input"))
    return _head(site, layer, layer.argument(1, "out_features") or layer.argument(0, "out_features"), -1, x.rank).but(
        marks=x.marks & {"long sequence"}
    )


def _of_conv(rank: int) -> Callable[[Site, Object], Value]:
    return lambda site, layer: _head(site, layer, layer.argument(1, "out_channels"), 1, rank)


def _of_activation(name: str, axis_at: int | None = None) -> Callable[[Site, Object], Value]:
    def apply(site: Site, layer: Object) -> Value:
        axis, said = None, True
        if axis_at is not None:
            value = layer.argument(axis_at, "dim")
            number = constant(value)
            axis, said = number if isinstance(number, int) else None, value is not None
        shown = f"{layer.name.rpartition('.')[2]}({f'dim={axis}' if axis is not None else ''})"
        given = site.get(0, "input")
        if name == "clip" and not isinstance(given, Tensor):
            return UNKNOWN
        result = tensors.activate(site, name, given, axis, said, shown, layer)
        if layer.node is not site.node and result.trail is not None and result is not given:
            made = Link(f"{shown} is made", layer.module, layer.node, result.trail.before)
            result = result.but(trail=Link(result.trail.text, result.trail.module, result.trail.node, made))
        return result

    return apply


def _kept(site: Site, layer: Object) -> Value:
    return site.get(0, "input") or UNKNOWN


def _pooled(site: Site, layer: Object) -> Value:
    x = site.get(0, "input")
    return x if isinstance(x, Tensor) and x.kind is Kind.LOGITS else UNKNOWN


def _normed(site: Site, layer: Object) -> Value:
    return _pooled(site, layer)


def _recurrent(site: Site, layer: Object) -> Value:
    return seq([Tensor(Kind.ANY, rank=3), UNKNOWN], mutable=False)


def _embedded(site: Site, layer: Object) -> Value:
    return Tensor(Kind.ANY, rank=3)


def _flattened(site: Site, layer: Object) -> Value:
    x = site.get(0, "input")
    return x.but(rank=2, class_axis=-1 if x.class_axis in (1, -1) else None) if isinstance(x, Tensor) else UNKNOWN


def apply_children(site: Site, layer: Object) -> Value:
    """Pass a value through the layers of a Sequential."""
    value: Value = site.args[0] if site.args else UNKNOWN
    children = layer.attrs.get("?children")
    if not isinstance(children, Seq):
        return UNKNOWN
    if not children.exact:
        value = UNKNOWN
    for child in children.items:
        value = site.machine.call(child, (value,), {}, site.node)
    return value


def _inner(site: Site, layer: Object) -> Value:
    return site.machine.call(layer.argument(0, "module") or UNKNOWN, site.args, site.kwargs, site.node)


LAYERS: dict[str, Callable[[Site, Object], Value]] = {
    "torch.nn.Linear": _of_linear,
    "torch.nn.LazyLinear": _of_linear,
    "torch.nn.Bilinear": lambda site, layer: _head(site, layer, layer.argument(2, "out_features"), -1, None),
    **{f"torch.nn.Conv{n}d": _of_conv(n + 2) for n in (1, 2, 3)},
    **{f"torch.nn.ConvTranspose{n}d": _of_conv(n + 2) for n in (1, 2, 3)},
    "torch.nn.Softmax": _of_activation("softmax", 0),
    "torch.nn.Softmax2d": _of_activation("softmax"),
    "torch.nn.LogSoftmax": _of_activation("log_softmax", 0),
    "torch.nn.Sigmoid": _of_activation("sigmoid"),
    "torch.nn.LogSigmoid": _of_activation("log_sigmoid"),
    "torch.nn.ReLU": _of_activation("relu"),
    "torch.nn.ReLU6": _of_activation("relu"),
    "torch.nn.Tanh": _of_activation("clip"),
    "torch.nn.Hardtanh": _of_activation("clip"),
    "torch.nn.Hardsigmoid": _of_activation("clip"),
    "torch.nn.Dropout": _kept,
    "torch.nn.Dropout2d": _kept,
    "torch.nn.Identity": _kept,
    "torch.nn.Upsample": lambda site, layer: tensors.keep(site, site.get(0)),
    "torch.nn.UpsamplingBilinear2d": lambda site, layer: tensors.keep(site, site.get(0)),
    "torch.nn.Flatten": _flattened,
    **{f"torch.nn.{kind}AvgPool{n}d": _pooled for n in (1, 2, 3) for kind in ("Adaptive", "")},
    **{f"torch.nn.BatchNorm{n}d": _normed for n in (1, 2, 3)},
    **{f"torch.nn.{kind}": _recurrent for kind in ("LSTM", "GRU", "RNN")},
    "torch.nn.Embedding": _embedded,
    "torch.nn.TransformerEncoder": lambda site, layer: Tensor(Kind.ANY, rank=3),
    "torch.nn.Sequential": apply_children,
    **dict.fromkeys(
        (
            "torch.nn.DataParallel",
            "torch.nn.parallel.DataParallel",
            "torch.nn.parallel.DistributedDataParallel",
            "torch.nn.SyncBatchNorm.convert_sync_batchnorm",
        ),
        _inner,
    ),
}

#: Methods that give the module back.
SELF = frozenset(
    [
        "to",
        "cuda",
        "cpu",
        "train",
        "eval",
        "half",
        "float",
        "double",
        "bfloat16",
        "requires_grad_",
        "apply",
        "xpu",
        "ipu",
        "share_memory",
        "compile_",
        "build",
    ]
)
CONTAINERS = frozenset({"torch.nn.Sequential", "torch.nn.ModuleList", "torch.nn.ModuleDict"})


def fill(machine: Machine, layer: Object, args: Sequence[Value]) -> None:
    """Give a container its children: layers one by one, a list, or an ordered dictionary."""
    names: tuple[str | None, ...] = ()
    items: tuple[Value, ...] = tuple(args)
    exact = True
    if len(args) == 1 and isinstance(args[0], Mapping):
        exact = ... not in args[0].store
        pairs = [(key, value) for key, value in args[0].store.items() if key is not ...]
        names, items = tuple(key for key, _ in pairs), tuple(value for _, value in pairs)
    elif len(args) == 1 and isinstance(args[0], Seq):
        items, exact = args[0].items, args[0].exact
        if items and all(isinstance(item, Seq) and len(item.items) == 2 for item in items):  # OrderedDict's pairs
            pairs_ = [item.items for item in items if isinstance(item, Seq)]
            names = tuple(constant(pair[0]) for pair in pairs_)
            items = tuple(pair[1] for pair in pairs_)
    elif any(isinstance(item, Unknown) for item in args) and layer.name == "torch.nn.Sequential" and len(args) == 1:
        exact = False
    children = seq(items, exact)
    machine.write(layer.attrs, "?children", children)
    for name, item in zip(names, items, strict=False):
        if isinstance(name, str):
            machine.write(layer.attrs, name, item)


def append(machine: Machine, layer: Object, item: Value, name: str | None = None, at: int | None = None) -> None:
    """Add a child at the end of a container, or put one in the place of another."""
    children = layer.attrs.get("?children")
    if not isinstance(children, Seq):
        children = seq((), True)
        machine.write(layer.attrs, "?children", children)
    items = list(children.items)
    if at is None:
        items.append(item)
    elif "?last" not in layer.attrs and children.exact and -len(items) <= at < len(items):
        items[at] = item
    elif at == layer.attrs.get("?last"):
        items[-1] = item
    elif at == -1 or not items or at > layer.attrs.get("?last", at):  # of a ready-made model: the others are its own
        items = [*items, item]
        machine.write(layer.attrs, "?last", at)
    else:
        machine.write(children.store, "exact", False)
        return
    machine.write(children.store, "items", tuple(items))
    if name is not None:
        machine.write(layer.attrs, name, item)


def criterion(value: Value) -> tuple[Loss, dict[str, Value], Object | None] | None:
    """Return the loss that a class or an object of torch is, and its options."""
    if isinstance(value, Object) and value.cls is None and value.name in LOSS_CLASSES:
        loss, parameters = LOSS_CLASSES[value.name]
        return loss, named(parameters, value.args, value.kwargs), value
    name = getattr(value, "name", "")
    if not isinstance(value, Object | Class) and name in LOSS_CLASSES:
        return LOSS_CLASSES[name][0], {}, None
    if name in LOSS_FUNCTIONS:
        return LOSS_FUNCTIONS[name], {}, None
    return None
