"""Fixes that exchange a loss for another, or set, rename and remove an option of it."""

from __future__ import annotations

import ast

from xent.lint import edits
from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.finding import Fix
from xent.lint.names import library_name, spelled
from xent.lint.values import Kind, Tensor


def _maker(event: LossCall, positional: dict[str, int]) -> ast.Call | None:
    """Return the call that sets the loss's options, if it is one of these with no more positional arguments."""
    if event.maker is not None and event.maker.module is not event.module:
        return None
    call = event.maker.node if event.maker is not None else event.node
    if not isinstance(call, ast.Call):
        return None
    most = positional.get(library_name(event.module, call.func))
    return call if most is not None and len(call.args) <= most else None


def always_gets(event: LossCall, seen: Seen, kinds: frozenset[Kind]) -> bool:
    """Whether a loss object is given nothing but predictions of some kinds; a function is called here alone."""
    calls = seen.calls_of.get(event.maker.node, []) if event.maker is not None else []
    return all(isinstance(call.prediction, Tensor) and call.prediction.kind in kinds for call in (event, *calls))


def option_set(event: LossCall, positional: dict[str, int], name: str, text: str) -> Fix | None:
    """Give a loss an option."""
    call = _maker(event, positional)
    edit = edits.with_keyword(event.module, call, name, text) if call is not None else None
    return edits.fix(f"set {name}={text}", edit)


def option_removed(event: LossCall, positional: dict[str, int], name: str) -> Fix | None:
    """Take an option from a loss."""
    call = _maker(event, positional)
    edit = edits.without_keyword(event.module, call, name) if call is not None else None
    return edits.fix(f"remove {name}", edit)


def option_renamed(event: LossCall, positional: dict[str, int], name: str, instead: str) -> Fix | None:
    """Give a loss's argument to another option."""
    call = _maker(event, positional)
    edit = edits.keyword_renamed(event.module, call, name, instead) if call is not None else None
    return edits.fix(f"use {instead}", edit)


def loss_exchanged(event: LossCall, instead: dict[str, str]) -> Fix | None:
    """Take another loss of the same library, with the same arguments."""
    call = _maker(event, dict.fromkeys(instead, 6))
    if call is None:
        return None
    new = instead[library_name(event.module, call.func)]
    return edits.fix(f"use {new}", edits.renamed(event.module, call, new))


_KERAS = {
    "categorical_crossentropy": "CategoricalCrossentropy",
    "sparse_categorical_crossentropy": "SparseCategoricalCrossentropy",
    "binary_crossentropy": "BinaryCrossentropy",
    "binary_focal_crossentropy": "BinaryFocalCrossentropy",
    "categorical_focal_crossentropy": "CategoricalFocalCrossentropy",
}
_FROM_LOGITS = {f"keras.losses.{name}": 0 for name in _KERAS.values()} | {f"keras.losses.{name}": 2 for name in _KERAS}


def from_logits_set(event: LossCall) -> Fix | None:
    """Tell a Keras loss that it gets logits; one that ``compile`` is told of by its name is made for it."""
    if not isinstance(event.node, ast.Call):
        return None
    if event.maker is not None or library_name(event.module, event.node.func) in _FROM_LOGITS:
        return option_set(event, _FROM_LOGITS, "from_logits", "True")
    said = [k.value for k in event.node.keywords if k.arg == "loss" and isinstance(k.value, ast.Constant)]
    if len(said) != 1 or said[0].value not in _KERAS:
        return None
    last = f"keras.losses.{_KERAS[said[0].value]}"
    name = spelled(event.module, last) or spelled(event.module, f"tensorflow.{last}")
    edit = edits.replaced(event.module, said[0], f"{name}(from_logits=True)") if name else None
    return edits.fix("set from_logits=True", edit)


def from_logits_removed(event: LossCall) -> Fix | None:
    """Tell a Keras loss no more that it gets logits."""
    return option_removed(event, _FROM_LOGITS, "from_logits")
