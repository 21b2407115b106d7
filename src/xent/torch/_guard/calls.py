"""A call of a loss function, whichever it is, in one form; and the watching of such calls.

Torch's losses are watched where its own functions call them, one step below ``torch.nn.functional``: whoever imported
those by their names is seen as well, and torch.compile, which takes them for one node each, sees nothing change and has
nothing to recompile. Xent's are ordinary functions, of which the code is exchanged while somebody watches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import CodeType, FunctionType
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

from xent._options import BinaryOptions, Options
from xent.losses import CrossEntropy
from xent.torch import _checks, _functional

#: What the input is taken for: logits of a softmax, its logarithm (negative log-likelihood, Kullback-Leibler), logits
#: of a sigmoid, its values.
Family = Literal["softmax", "nll", "kl", "sigmoid", "bce"]
_REDUCTIONS = ("none", "mean", "sum")
_OWN_WEIGHTS = ("weight", "sample_weight", "mask", "mining", "normalizer")  # of the entries of a binary loss


@dataclass(frozen=True)
class Call:
    """The arguments of a loss, in one form for all of them."""

    family: Family
    function: str  # as its users call it
    input: Tensor
    target: Tensor
    axis: int | None  # of the classes; None for a loss of entries
    weight: Tensor | None = None
    pos_weight: Tensor | None = None
    ignore_index: int | None = None
    reduction: str = "mean"
    label_smoothing: float = 0.0
    own_weights: bool = False  # rows or entries have weights, a mask or a denominator of their own
    nan_when_empty: bool = True
    textbook: bool = True  # neither another curve than the logarithm nor something done to the logits before

    @property
    def takes_index(self) -> bool:
        """Whether the target is class indices."""
        return self.family in ("softmax", "nll") and self.target.dim() < self.input.dim()


def _cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Any = None,
    reduction: int = 1,
    ignore_index: int = -100,
    smoothing: Any = 0.0,
) -> Call:
    return Call(
        "softmax", "cross_entropy", input, target, min(1, input.dim() - 1), weight, ignore_index=ignore_index,
        reduction=_REDUCTIONS[reduction], label_smoothing=float(smoothing),
    )  # fmt: skip


def _nll_loss(input: Tensor, target: Tensor, weight: Any = None, reduction: int = 1, ignore_index: int = -100) -> Call:
    axis = min(1, input.dim() - 1)
    return Call(
        "nll", "nll_loss", input, target, axis, weight, ignore_index=ignore_index, reduction=_REDUCTIONS[reduction]
    )


def _binary_cross_entropy(input: Tensor, target: Tensor, weight: Any = None, reduction: int = 1) -> Call:
    own = weight is not None
    return Call(
        "bce", "binary_cross_entropy", input, target, None, weight, reduction=_REDUCTIONS[reduction], own_weights=own
    )


def _binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Any = None, pos_weight: Any = None, reduction: int = 1
) -> Call:
    return Call(
        "sigmoid", "binary_cross_entropy_with_logits", input, target, None, weight, pos_weight,
        reduction=_REDUCTIONS[reduction], own_weights=weight is not None,
    )  # fmt: skip


def _kl_div(input: Tensor, target: Tensor, reduction: int = 1, *, log_target: bool = False) -> Call | None:
    if log_target:
        target = target.detach().exp()
    return Call("kl", "kl_div", input, target, input.dim() - 1, reduction=_REDUCTIONS[reduction])


def _xent_cross_entropy(input: Tensor, target: Tensor, *positional: Any, **options: Any) -> Call:
    names = ("weight", "size_average", "ignore_index", "reduce", "reduction", "label_smoothing")
    given = {**dict(zip(names, positional, strict=False)), **options}
    return Call(
        "softmax", "cross_entropy", input, target, min(1, input.dim() - 1), given["weight"],
        ignore_index=given["ignore_index"],
        reduction=_checks.reduction(given["size_average"], given["reduce"], given["reduction"]),
        label_smoothing=float(given["label_smoothing"]),
        own_weights=any(given[name] is not None for name in ("sample_weight", "mining", "normalizer")),
        nan_when_empty=given["empty"] == "nan",
        textbook=given["loss"] is given["softcap"] is given["prior"] is None
        and given["z_loss"] == 0.0 and given["temperature"] == 1.0,
    )  # fmt: skip


def _xent_binary_cross_entropy_with_logits(input: Tensor, target: Tensor, *positional: Any, **options: Any) -> Call:
    names = ("weight", "size_average", "reduce", "reduction", "pos_weight")
    given = {**dict(zip(names, positional, strict=False)), **options}
    own = any(given[name] is not None for name in _OWN_WEIGHTS)
    return Call(
        "sigmoid", "binary_cross_entropy_with_logits", input, target, None, given["weight"], given["pos_weight"],
        given["ignore_index"], _checks.reduction(given["size_average"], given["reduce"], given["reduction"]),
        float(given["label_smoothing"]), own,
        textbook=given["loss"] is None and given["temperature"] == 1.0 and given["softcap"] is None,
    )  # fmt: skip


def _softmax_loss(loss: Any, function: str, logits: Tensor, target: Any, options: Options) -> Call:
    return Call(
        "softmax", function, logits, target, options.axis % max(logits.dim(), 1), options.weight,
        ignore_index=options.ignore_index, reduction=options.reduction, label_smoothing=loss.label_smoothing,
        own_weights=any(each is not None for each in (options.sample_weight, options.mining, options.normalizer)),
        nan_when_empty=options.empty == "nan",
        textbook=isinstance(loss, CrossEntropy) and loss.z_loss == 0 and options.temperature == 1.0
        and options.softcap is None and options.prior is None,
    )  # fmt: skip


def _sigmoid_loss(loss: Any, function: str, logits: Tensor, target: Any, options: BinaryOptions) -> Call:
    own = any(getattr(options, name) is not None for name in _OWN_WEIGHTS)
    return Call(
        "sigmoid", function, logits, target, None, options.weight, options.pos_weight, options.ignore_index,
        options.reduction, loss.label_smoothing, own,
        textbook=isinstance(loss, CrossEntropy) and options.temperature == 1.0 and options.softcap is None,
    )  # fmt: skip


_Reader = Callable[..., Call | None]
_TORCHS: tuple[tuple[Any, str, _Reader], ...] = (
    (torch._C._nn, "cross_entropy_loss", _cross_entropy),
    (torch._C._nn, "nll_loss_nd", _nll_loss),
    (torch._C._nn, "binary_cross_entropy", _binary_cross_entropy),
    (torch, "binary_cross_entropy_with_logits", _binary_cross_entropy_with_logits),
    (torch, "kl_div", _kl_div),
)
_XENTS: tuple[tuple[Any, _Reader], ...] = (
    (_functional.cross_entropy, _xent_cross_entropy),
    (_functional.binary_cross_entropy_with_logits, _xent_binary_cross_entropy_with_logits),
    (_functional.softmax_loss, _softmax_loss),
    (_functional.sigmoid_loss, _sigmoid_loss),
)


# --- the watching of them ---------------------------------------------------------------------------------------------


class Watcher(Protocol):
    """Who wants to be told of losses."""

    def before(self, call: Call) -> Any:
        """Look at a call that is about to be made; what it returns is given to ``after``."""

    def after(self, looked: Any, value: Any) -> None:
        """Look at what it returned."""

    def backward(self, root: Tensor) -> None:
        """Look at a tensor from which gradients are about to be computed."""


_lock = threading.RLock()
_watchers: tuple[Watcher, ...] = ()
_local = threading.local()
_undo: list[Callable[[], None]] = []


def watch(watcher: Watcher) -> None:
    """Tell it of every loss from now on."""
    global _watchers
    with _lock:
        if not _watchers:
            for where, name, reader in _TORCHS:
                _put(where, name, _wrapped(name, getattr(where, name), reader))
            _put(torch.autograd, "backward", _watched_backward(torch.autograd.backward))
            for function, _ in _XENTS:
                _exchange(function)
        _watchers = (*_watchers, watcher)


def unwatch(watcher: Watcher) -> None:
    """Tell it no more; without anybody who watches, all functions are again what they were."""
    global _watchers
    with _lock:
        before = _watchers
        _watchers = tuple(each for each in _watchers if each is not watcher)
        if before and not _watchers:
            while _undo:
                _undo.pop()()


def _told(reader: _Reader, function: Callable[..., Any], args: Any, options: Any) -> Any:
    """Call a loss function, and tell the watchers."""
    __tracebackhide__ = True
    if getattr(_local, "inside", False) or not _watchers:
        return function(*args, **options)
    _local.inside = True
    try:
        call = _plain_call(reader, args, options)
        looked = [] if call is None else [(watcher, watcher.before(call)) for watcher in _watchers]
        value = function(*args, **options)
        for watcher, what in looked:
            watcher.after(what, value)
        return value
    finally:
        _local.inside = False


def _plain_call(reader: _Reader, args: Any, options: Any) -> Call | None:
    """Return the call in one form, or None where its tensors hold no numbers to look at, or it is no proper call."""
    try:
        tensors = [each for each in (*args, *options.values()) if isinstance(each, Tensor)]
        if not tensors or not all(map(_holds_numbers, tensors)):
            return None
        call = reader(*args, **options)
        if call is None or not isinstance(call.target, Tensor) or call.input.dim() == 0 or call.input.numel() == 0:
            return None
        return call
    except Exception:  # wrong arguments, of which the function itself will say what is wrong
        return None


def _holds_numbers(tensor: Tensor) -> bool:
    """Say whether a tensor is no part of another, of a trace or of a capture, on the CPU or elsewhere."""
    return (
        type(tensor) in (Tensor, torch.nn.Parameter)
        and tensor.layout is torch.strided
        and tensor.device.type != "meta"
        and not torch.compiler.is_compiling()
        and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)
        and torch._C._functorch.maybe_current_level() is None
        and torch._C._len_torch_dispatch_stack() == 0
        and torch._C._get_tracing_state() is None
        and not (tensor.is_cuda and torch.cuda.is_current_stream_capturing())
    )


def _put(where: Any, name: str, ours: Any) -> None:
    theirs = getattr(where, name)

    def undo() -> None:
        if getattr(where, name) is ours:
            setattr(where, name, theirs)

    setattr(where, name, ours)
    _undo.append(undo)


@cache  # torch keeps the numbers of functions for ever
def _wrapped(name: str, function: Callable[..., Any], reader: _Reader) -> Callable[..., Any]:
    def watched(*args: Any, **options: Any) -> Any:
        if torch.compiler.is_compiling():  # which cannot follow what is behind
            return function(*args, **options)
        return _told(reader, function, args, options)

    # torch.jit.script knows operators by the functions that stand for them.
    table: dict[int, str] = torch.jit._builtins._get_builtin_table()  # type: ignore[no-untyped-call]
    if (operator := table.get(id(function))) is not None:
        table[id(watched)] = operator
    return watched


@cache
def _watched_backward(function: Callable[..., None]) -> Callable[..., None]:
    def backward(tensors: Any, *args: Any, **options: Any) -> None:
        for root in (tensors,) if isinstance(tensors, Tensor) else tuple(tensors):
            if isinstance(root, Tensor) and _holds_numbers(root):
                for watcher in _watchers:
                    watcher.backward(root)
        function(tensors, *args, **options)

    return backward


def _exchange(function: FunctionType) -> None:
    """Give a function code that tells the watchers, under the same name and signature."""
    code, own = function.__code__, function.__globals__

    def undo() -> None:
        function.__code__ = code
        for name in (original, compiling, told):
            del own[name]

    original, compiling, told = (f"_guarded_{function.__name__}{part}" for part in ("", "_compiling", "_told"))
    twin = FunctionType(code, own, function.__name__, function.__defaults__, function.__closure__)
    twin.__kwdefaults__ = function.__kwdefaults__
    reader = next(reader for each, reader in _XENTS if each is function)
    own[original], own[compiling] = twin, torch.compiler.is_compiling
    own[told] = lambda *args, **options: _told(reader, twin, args, options)
    function.__code__ = _shim(code, original, compiling, told)
    _undo.append(undo)


@cache
def _shim(code: CodeType, original: str, compiling: str, told: str) -> CodeType:
    names = code.co_varnames
    first = names[: code.co_argcount]
    keywords = names[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    signature = ", ".join([*first, *(["*", *keywords] if keywords else [])])
    passed = ", ".join([*first, *(f"{name}={name}" for name in keywords)])
    source = f"def shim({signature}):\n    return {original}({passed}) if {compiling}() else {told}({passed})\n"
    room: dict[str, Any] = {}
    exec(compile(source, code.co_filename, "exec"), room)
    shim: CodeType = room["shim"].__code__
    return shim.replace(co_name=code.co_name, co_qualname=code.co_qualname, co_firstlineno=code.co_firstlineno)
