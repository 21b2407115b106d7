"""What functions and methods of tensors keep, change and lose: softmax, log, view, argmax, and the like."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable

from xent.lint.bounds import of_exponent
from xent.lint.events import Activation, Averaged, Backward, Chosen, Exponential, Logarithm, Threshold
from xent.lint.frameworks import labels, shapes
from xent.lint.frameworks.site import Site, as_tensor
from xent.lint.values import (
    NONE,
    UNKNOWN,
    Const,
    Kind,
    Made,
    Object,
    Seq,
    Tensor,
    Unknown,
    Value,
    constant,
    join,
    seq,
)

_OF_ACTIVATION = {
    "softmax": Kind.SOFTMAX,
    "sigmoid": Kind.SIGMOID,
    "log_softmax": Kind.LOG_SOFTMAX,
    "log_sigmoid": Kind.LOG_SIGMOID,
    "relu": Kind.RELU,
    "clip": Kind.CLIPPED,
}


def activate(
    site: Site,
    name: str,
    given: Value | None,
    axis: int | None = None,
    said: bool = True,
    how: str = "",
    by: Object | str = "",
) -> Tensor:
    """Apply an activation by its field name, and tell the rules; ``by`` a function, a method or a layer."""
    x = as_tensor(given)
    kind = _OF_ACTIVATION[name]
    if kind is Kind.RELU and x.kind in (Kind.SOFTMAX, Kind.SIGMOID, Kind.RELU):
        return x
    shown = how or (f"{name}(axis {axis})" if axis is not None else name)
    result = x.but(
        kind=kind,
        axis=axis,
        trail=site.link(f"{shown} gives {kind.value}", x.trail),
        softened=False,
        of="",
        made=_made(site, kind, by) if by else None,
        call=None,
        marks=(x.marks & {"squeezed", "flat", "long sequence", "column", "part"})
        | _marks(x, given, axis)
        | ({"of ReLU"} if x.kind is Kind.RELU else frozenset()),
    )
    site.machine.emit(
        Activation(site.module, site.node, name, given if given is not None else UNKNOWN, axis, said, result)
    )
    return result


def _made(site: Site, kind: Kind, by: Object | str) -> Made | None:
    if isinstance(by, str):
        return Made(site.module, site.node, kind, by)
    return Made(site.module, site.node, kind, "layer", by.node) if by.module is site.module else None


_LABELS = re.compile(
    r"^(labels?|targets?|y|y_true|gt|ground_truth|one_?hot\w*|\w+_labels?|truth|b?y_batch|yb|masks?|gts?)$", re.I
)


def _marks(x: Tensor, given: Value | None, axis: int | None) -> set[str]:
    """Say what is strange about an activation: that labels are activated, or that its axis is not the classes'."""
    marks = set()
    named = isinstance(given, Unknown) and _LABELS.match(given.name)
    if named or x.kind in (Kind.ONE_HOT, Kind.MULTI_HOT) or (x.kind is Kind.INDEX and "argmax" not in x.marks):
        marks.add("of labels")
    if x.kind is Kind.LOGITS and axis is not None and x.class_axis is not None:
        if x.rank is not None and axis < x.rank and axis % x.rank != x.class_axis % x.rank:
            marks.add("wrong axis")
        if axis == 0 and x.rank is None:
            marks.add("wrong axis")
    return marks


def logarithm(site: Site, given: Value | None) -> Value:
    """Take a logarithm."""
    number = constant(given)
    if isinstance(number, int | float):
        return Const(math.log(number)) if number > 0 else UNKNOWN
    x = as_tensor(given)
    if x.kind in (Kind.SOFTMAX, Kind.SIGMOID, Kind.NOT_SIGMOID):
        site.machine.emit(Logarithm(site.module, site.node, x, not site.machine.untraced))
    kind = {Kind.SOFTMAX: Kind.LOG_SOFTMAX, Kind.SIGMOID: Kind.LOG_SIGMOID}.get(x.kind)
    if kind is None:
        return Tensor(Kind.ANY, rank=x.rank)
    return x.but(kind=kind, trail=site.link(f"its logarithm gives {kind.value}", x.trail), softened=False)


def exponential(site: Site, given: Value | None) -> Value:
    """Raise e to a value."""
    if isinstance(given, Const):
        return UNKNOWN
    x = as_tensor(given)
    kind = {Kind.LOG_SOFTMAX: Kind.SOFTMAX, Kind.LOG_SIGMOID: Kind.SIGMOID}.get(x.kind)
    if kind is not None:
        return x.but(kind=kind, trail=site.link(f"exp gives {kind.value}", x.trail))
    if x.kind is Kind.LOSS:
        site.machine.emit(Exponential(site.module, site.node, x, 2.718281828459045))
        return Tensor(Kind.ANY, call=x.call, marks=x.marks | {"exp of a loss"})
    argument = site.node.args[0] if isinstance(site.node, ast.Call) and site.node.args else site.node
    if isinstance(site.node, ast.Call) and not site.node.args and isinstance(site.node.func, ast.Attribute):
        argument = site.node.func.value
    marks = x.marks | of_exponent(site.machine, argument) if isinstance(argument, ast.expr) else x.marks
    link = site.link("exponentials are taken", x.trail)
    return x.but(kind=Kind.EXP, of=x.of or ast.unparse(argument), trail=link, marks=marks)


def power(site: Site, given: Value | None) -> Value:
    """Raise a number to a value, as ``pow(2, loss)`` does."""
    base, loss = constant(given), site.get(1, "exponent", "x2", "y")
    if isinstance(base, int | float) and isinstance(loss, Tensor) and loss.kind is Kind.LOSS:
        site.machine.emit(Exponential(site.module, site.node, loss, float(base)))
    return UNKNOWN


def total(site: Site, given: Value | None) -> Value:
    """Sum or average a value."""
    x = as_tensor(given)
    if x.kind is Kind.LOSS:
        if "averaged" not in x.marks and "masked" not in x.marks:
            site.machine.emit(Averaged(site.module, site.node, x))
        over_all = isinstance(site.node, ast.Call) and ast.unparse(site.node.func).endswith("mean")
        return x.but(marks=(x.marks - {"masked"} if over_all else x.marks) | {"averaged"})
    if x.kind is Kind.EXP:
        return x.but(kind=Kind.SUM_EXP)
    if x.kind is Kind.ONE_HOT and site.get(0, "dim", "axis") is not None:
        return x.but(kind=Kind.MULTI_HOT, trail=site.link("several one-hot rows make a multi-hot row", x.trail))
    if "argmax" in x.marks:
        return Tensor(
            Kind.LOSS,
            detached=x.detached,
            trail=site.link("the loss is computed", x.trail),
            marks=x.marks | {"averaged"},
        )
    return Tensor(Kind.ANY)


def largest(site: Site, given: Value | None) -> Value:
    """Return the maximum, with the indices where an axis is given (torch)."""
    x = as_tensor(given)
    if x.kind is Kind.ONE_HOT:
        return x.but(kind=Kind.MULTI_HOT, trail=site.link("several one-hot rows make a multi-hot row", x.trail))
    if isinstance(site.node, ast.Call) and isinstance(site.node.func, ast.Attribute):
        text = ast.unparse(site.node.args[0] if site.node.args and not _is_method(site) else site.node.func.value)
    else:
        text = ""
    return Tensor(Kind.MAXIMUM, of=text, call=x.call)


def larger(site: Site, given: Value | None) -> Value:
    """Return the larger of two: where one is the maximum of a row, no entry of the row is above it."""
    other = site.get(1, "other", "y", "x2")
    return next((each for each in (given, other) if isinstance(each, Tensor) and each.kind is Kind.MAXIMUM), UNKNOWN)


def soft_largest(site: Site, given: Value | None) -> Value:
    """Return a logarithm of a sum of exponentials: it is above all entries, as a maximum is."""
    return Tensor(Kind.MAXIMUM)


def _is_method(site: Site) -> bool:
    node = site.node
    assert isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    return not (
        isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy", "jnp", "torch", "tf", "K")
    )


def index_of_largest(site: Site, given: Value | None) -> Value:
    """Return an argmax."""
    x = as_tensor(given)
    link = site.link("argmax gives class indices", x.trail)
    axis = next((a for a in (site.integer(0, "dim", "axis"), site.integer(1, "dim", "axis")) if a is not None), None)
    if axis is not None and x.kind in (Kind.SOFTMAX, Kind.LOG_SOFTMAX):
        site.machine.emit(Chosen(site.module, site.node, x, axis))
    kept = {"argmax", "kept"} if site.constant(-1, "keepdim") is True and axis in (1, -1) else {"argmax"}
    return Tensor(Kind.INDEX, classes=x.classes, origin=x.origin, trail=link, detached=link, marks=frozenset(kept))


def keep(site: Site, given: Value | None) -> Value:
    """Change nothing that matters here: a cast, a copy, a move to a device."""
    return given if given is not None else UNKNOWN


def round_(site: Site, given: Value | None) -> Value:
    """Round: a threshold at one half."""
    if isinstance(given, Tensor):
        site.machine.emit(Threshold(site.module, site.node, given, 0.5, True))
        return Tensor(Kind.ANY, rank=given.rank, marks=given.marks, classes=given.classes)
    return UNKNOWN


def detach(site: Site, given: Value | None) -> Value:
    """Cut a tensor off from its graph."""
    if isinstance(given, Tensor):
        return given.but(detached=site.link("is cut off from the graph", given.trail))
    return Tensor(Kind.ANY, detached=site.link("is cut off from the graph")) if isinstance(given, Unknown) else UNKNOWN


def loosen(site: Site, given: Value | None) -> Value:
    """Keep what the numbers are, and forget the shape."""
    return given.but(rank=None, class_axis=None) if isinstance(given, Tensor) else UNKNOWN


def clamp(site: Site, given: Value | None, offset: int = 0) -> Value:
    """Cut off at limits: probabilities stay what they are, logits lose what lies beyond."""
    if not isinstance(given, Tensor):
        return UNKNOWN
    low, high = (
        site.constant(offset, "min", "a_min", "clip_value_min"),
        site.constant(offset + 1, "max", "a_max", "clip_value_max"),
    )
    if given.kind in (Kind.SOFTMAX, Kind.SIGMOID, Kind.NOT_SIGMOID):
        return given.but(softened=True)
    if given.kind is Kind.LOGITS and low == 0 and high is None:
        return activate(site, "relu", given, how="clamp(min=0)")
    bounded = [abs(limit) for limit in (low, high) if isinstance(limit, int | float)]
    if given.kind is Kind.LOGITS and len(bounded) == 2 and max(bounded) <= 10:
        return activate(site, "clip", given, how=f"clamp({low}, {high})")
    return given


def joined(site: Site, given: Value | None) -> Value:
    """Concatenate or stack: what the parts have in common."""
    if not isinstance(given, Seq) or not given.items:
        return UNKNOWN
    value = given.items[0]
    for other in given.items[1:]:
        value = join(value, other) if isinstance(value, Tensor) and isinstance(other, Tensor) else UNKNOWN
    return value.but(rank=None, class_axis=None, classes=None) if isinstance(value, Tensor) else UNKNOWN


def backward(site: Site, given: Value | None) -> Value:
    """Differentiate a loss."""
    if isinstance(given, Tensor) and given.kind is Kind.LOSS:
        site.machine.emit(Backward(site.module, site.node, given))
    return NONE


Operation = Callable[[Site, Value | None], Value]

#: What changes nothing that matters here, and what keeps the numbers but not the shape.
_KEPT = (
    *("contiguous", "clone", "to", "cuda", "cpu", "float", "double", "half", "bfloat16", "type", "type_as"),
    *("requires_grad_", "nan_to_num", "astype", "copy", "asnumpy", "tolist", "item", "expand_as", "new_tensor"),
    *("retain_grad", "realize", "cast", "identity", "convert_to_tensor", "asarray", "array", "as_tensor"),
    *("from_numpy", "tensor", "float_", "device_get", "device_put", "copy_", "block_until_ready", "Dropout"),
    *("dropout", "batch_norm", "ensure_shape", "print", "Print", "interpolate", "constant"),
)
_LOOSENED = (
    *("expand", "repeat", "repeat_interleave", "index_select", "masked_select", "narrow", "chunk", "split"),
    *("unbind", "flip", "roll", "boolean_mask", "tile", "broadcast_to", "where_"),
)

#: By the last part of a name, for functions and methods alike.
OPERATIONS: dict[str, Operation] = {
    **dict.fromkeys(_KEPT, keep),
    **dict.fromkeys(_LOOSENED, loosen),
    "log": logarithm,
    "pow": power,
    "power": power,
    "exp": exponential,
    "sum": total,
    "mean": total,
    "reduce_sum": total,
    "reduce_mean": total,
    "argmax": index_of_largest,
    "detach": detach,
    "stop_gradient": detach,
    "numpy": detach,
    "detach_": detach,
    "unsqueeze": shapes.unsqueeze,
    "expand_dims": shapes.unsqueeze,
    "round": round_,
    "backward": backward,
    "amax": largest,
    "any": largest,
    "maximum": larger,
    "logsumexp": soft_largest,
    "reduce_logsumexp": soft_largest,
    "reduce_max": largest,
    "cat": joined,
    "stack": joined,
    "concat": joined,
    "concatenate": joined,
    "vstack": joined,
    "hstack": joined,
}


def _maximum(site: Site, given: Value | None, offset: int = 0) -> Value:
    if site.get(offset, "dim") is not None and "axis" not in site.kwargs and "keepdims" not in site.kwargs:
        values = as_tensor(given)
        text = largest(site, given)
        values = values.but(rank=values.rank - 1 if values.rank else None, class_axis=None)
        result = (
            values
            if values.kind is not Kind.ANY
            else Tensor(Kind.MAXIMUM, of=text.of if isinstance(text, Tensor) else "")
        )
        if isinstance(site.node, ast.Call) and any(k.arg in ("keepdim", "keepdims") for k in site.node.keywords):
            result = text if isinstance(text, Tensor) else result
        return seq([result, index_of_largest(site, given)], mutable=False)
    return largest(site, given)


#: Those whose other arguments stand after the tensor as a function, and first as a method.
WITH_ARGUMENTS: dict[str, Callable[[Site, Value | None, int], Value]] = {
    "squeeze": shapes.squeeze,
    "permute": shapes.permute,
    "transpose": shapes.transpose,
    "swapaxes": shapes.transpose,
    "view": shapes.reshape,
    "reshape": shapes.reshape,
    "clamp": clamp,
    "clamp_": clamp,
    "clip": clamp,
    "clip_by_value": clamp,
    "flatten": shapes.flatten,
    "ravel": shapes.flatten,
    "max": _maximum,
}


def function(site: Site, last: str) -> Value | None:
    """Apply a library's function by the last part of its name, or return None if it is none of these."""
    given = site.get(
        0, "input", "x", "a", "tensor", "arr", "tensors", "values", "logits", "inputs", "self", "input_tensor"
    )
    if last in OPERATIONS:
        return OPERATIONS[last](site, given)
    if last in WITH_ARGUMENTS:
        return WITH_ARGUMENTS[last](site, given, 1)
    return None


def method(site: Site, base: Value, name: str) -> Value:
    """Apply a method of a tensor, or of something that may be one."""
    if name in ("softmax", "log_softmax"):
        axis = site.get(0, "dim", "axis")
        if axis is not None:
            number = site.integer(0, "dim", "axis")
            shown = f"{name}({number if number is not None else ''})"
            return activate(site, name, base, number, True, shown, "method")
        return UNKNOWN
    if name in ("sigmoid", "sigmoid_", "relu", "relu_", "logsigmoid") and not site.args:
        if isinstance(base, Tensor) or name.startswith("sigmoid"):
            kept = {"sigmoid": "sigmoid", "logsigmoid": "log_sigmoid"}.get(name.rstrip("_"), "relu")
            return activate(site, kept, base, by="method")
        return UNKNOWN
    if name == "tanh" and isinstance(base, Tensor):
        return activate(site, "clip", base, how="tanh")
    if name == "gradient" and site.args:
        return backward(site, site.args[0])
    if (
        name in ("gt", "ge", "lt", "le")
        and isinstance(base, Tensor)
        and isinstance(at := site.constant(0, "other"), int | float)
    ):
        site.machine.emit(Threshold(site.module, site.node, base, float(at)))
        return Tensor(Kind.ANY, rank=base.rank, classes=base.classes, marks=base.marks)
    if name in OPERATIONS:
        return OPERATIONS[name](site, base)
    if name in WITH_ARGUMENTS:
        return WITH_ARGUMENTS[name](site, base, 0)
    if name == "long" and isinstance(base, Tensor | Unknown):
        x = as_tensor(base)
        return x if x.kind is not Kind.ANY else x.but(marks=x.marks | {"long"})
    if name == "size" and isinstance(base, Tensor):
        return shapes.size(base, site.integer(0, "dim")) if site.args else shapes.Shape(base)
    if name == "masked_fill" and isinstance(site.node, ast.Call) and len(site.node.args) == 2:
        if isinstance(site.node.func, ast.Attribute) and len(site.args) == 2:
            labels.remap(site, site.node.args[0], site.args[0], site.node.func.value, site.args[1])
        return UNKNOWN
    if name == "value_counts" and isinstance(base, Unknown):
        return Object(None, "?by appearance", (), {}, site.module, site.node)
    if name in ("t",) and isinstance(base, Tensor):
        return base.but(class_axis=None, axis=None)
    return UNKNOWN
