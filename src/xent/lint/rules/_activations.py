"""Fixes that take an activation away before a loss that has its own, or have it give logarithms."""

from __future__ import annotations

import ast

from xent.lint import edits
from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.finding import Fix
from xent.lint.names import library_name
from xent.lint.uses import is_argument
from xent.lint.values import Kind, Made, Tensor

_ACTIVATIONS = frozenset({"softmax", "log_softmax", "sigmoid", "expit"})
_INPUTS = frozenset({"input", "x", "logits", "features"})
AXES = frozenset({"dim", "axis"})
_SHOWN = {Kind.SOFTMAX: "softmax", Kind.SIGMOID: "sigmoid", Kind.LOG_SOFTMAX: "log_softmax"}
_SEQUENTIAL = frozenset(
    {"torch.nn.Sequential", "keras.Sequential", "keras.models.Sequential", "flax.linen.Sequential"}
    | {"equinox.nn.Sequential", "haiku.Sequential"}
)
#: What has a log_softmax beside its softmax, with the same arguments.
_HAVE_LOG_SOFTMAX = frozenset(
    {"torch", "torch.nn.functional", "torch.special", "jax.nn", "flax.linen", "tensorflow.nn", "keras.ops"}
    | {"scipy.special"}
)


def given(made: Made) -> ast.expr | None:
    """Return what an activation is given, where its call is that of the activation and of nothing around it."""
    call, module = made.node, made.module
    if not isinstance(call, ast.Call) or any(isinstance(arg, ast.Starred) for arg in call.args) or len(call.args) > 2:
        return None
    if any(keyword.arg not in _INPUTS | AXES for keyword in call.keywords):
        return None
    function = call.func
    if made.how == "method":
        named = isinstance(function, ast.Attribute) and function.attr in _ACTIVATIONS
        return function.value if named and not library_name(module, function) else None  # type: ignore[attr-defined]
    if made.how == "function" and library_name(module, function).rpartition(".")[2] not in _ACTIVATIONS:
        return None
    if made.how == "layer" and not _is_layer(made, function):
        return None
    if call.args:
        return call.args[0]
    return next((keyword.value for keyword in call.keywords if keyword.arg in _INPUTS), None)


def _is_layer(made: Made, function: ast.expr) -> bool:
    """Whether a call is that of the layer itself, not of a Sequential that it is part of."""
    if function is made.layer:
        return True
    above = made.module.parents.get(made.layer) if made.layer is not None else None
    if not isinstance(above, ast.Assign) or len(above.targets) != 1:
        return False
    return ast.unparse(above.targets[0]) == ast.unparse(function)


def _made(event: LossCall, kind: Kind) -> Made | None:
    """Return the activation of a prediction that has come to the loss as it was, in the same file."""
    x = event.prediction
    if not isinstance(x, Tensor) or x.kind is not kind or x.softened or "column" in x.marks or x.made is None:
        return None
    return x.made if x.made.kind is kind and x.made.module is event.module else None


def activation_removed(event: LossCall, seen: Seen, kind: Kind) -> Fix | None:
    """Take the activation away before a loss that has its own, where nothing else is seen to read its result."""
    made = _made(event, kind)
    if made is None:
        return None
    inner = given(made)
    if not seen.uses.are_losses_alone(event, made, whole_layer=inner is None):
        return None
    if inner is None:
        return edits.fix(f"remove the {_SHOWN[kind]} layer", _without_layer(made))
    return edits.fix(f"remove the {_SHOWN[kind]}", _without_call(made, inner))


def idempotent_removed(event: LossCall, seen: Seen) -> Fix | None:
    """Take a log_softmax away before a loss that has its own over this axis: safe where it is applied in the call."""
    fix = activation_removed(event, seen, Kind.LOG_SOFTMAX) if _is_class_axis(event) else None
    made = _made(event, Kind.LOG_SOFTMAX)
    if fix is None or made is None:
        return None
    return Fix(fix.what, fix.edits, given(made) is not None and is_argument(made.module, made.node, event.node))


def _is_class_axis(event: LossCall) -> bool:
    """Whether the loss's own softmax is for certain over the prediction's axis, and is all that it does to logits."""
    x, loss = event.prediction, event.loss
    assert isinstance(x, Tensor)
    if loss.library in ("optax", "tf", "keras"):
        return x.axis == -1 and not AXES & event.options.keys()
    if loss.library != "torch" or loss.prediction != "input":  # xent's own losses may have a z-loss or a soft cap
        return False
    return x.axis == 1 or (x.axis == -1 and x.rank == 2)


def _without_call(made: Made, inner: ast.expr) -> edits.Edits | None:
    assert isinstance(made.node, ast.expr)
    above = made.module.parents.get(made.node)
    if (
        isinstance(above, ast.Assign)
        and len(above.targets) == 1
        and ast.unparse(above.targets[0]) == ast.unparse(inner)
    ):
        return edits.without_statement(made.module, above)  # x = softmax(x)
    return edits.unwrapped(made.module, made.node, inner)


def _without_layer(made: Made) -> edits.Edits | None:
    """Take the last layer from a Sequential: from its arguments, from the list it is given, or where it is added."""
    module, layer = made.module, made.layer
    if not isinstance(layer, ast.expr):
        return None
    item: ast.expr = layer
    above = module.parents.get(item)
    if isinstance(above, ast.Call) and isinstance(above.func, ast.Attribute) and above.args[-1:] == [item]:
        statement = module.parents.get(above)
        if above.func.attr in ("append", "add", "add_module") and isinstance(statement, ast.Expr):
            repeated = isinstance(module.parents.get(statement), ast.For | ast.AsyncFor | ast.While)
            return edits.without_statement(module, statement) if not repeated else None
    if isinstance(above, ast.Tuple) and len(above.elts) == 2:
        item, above = above, module.parents.get(above)  # ("name", layer) of an OrderedDict
    whole = above
    if isinstance(whole, ast.List):
        whole = module.parents.get(whole)
        if isinstance(whole, ast.Call) and library_name(module, whole.func) == "collections.OrderedDict":
            whole = module.parents.get(whole)
    is_sequential = isinstance(whole, ast.Call) and library_name(module, whole.func) in _SEQUENTIAL
    return edits.without_last_item(module, above, item) if is_sequential and above is not None else None


def logged(event: LossCall, seen: Seen) -> Fix | None:
    """Have a softmax give log-probabilities, where nothing else is seen to read its result."""
    made = _made(event, Kind.SOFTMAX)
    if made is None:
        return None
    if not seen.uses.are_losses_alone(event, made, whole_layer=made.how == "layer"):
        return None
    if made.how != "layer":
        return edits.fix("use log_softmax", log_softmax_for(made) if given(made) is not None else None)
    layer = made.layer
    if not isinstance(layer, ast.Call) or library_name(made.module, layer.func) != "torch.nn.Softmax":
        return None
    return edits.fix("use LogSoftmax", edits.renamed(made.module, layer, "LogSoftmax"))


def log_softmax_for(made: Made) -> edits.Edits | None:
    """Call log_softmax where softmax is called, as a function or a method."""
    if not isinstance(made.node, ast.Call):
        return None
    library, _, name = library_name(made.module, made.node.func).rpartition(".")
    known = made.how == "method" or (library in _HAVE_LOG_SOFTMAX and name == "softmax")
    return edits.renamed(made.module, made.node, "log_softmax") if known else None
