"""Xent in place of torch's two losses, for everything in the process that calls them."""

from __future__ import annotations

import threading
from typing import Any

import torch

from xent.torch import modules
from xent.torch._functional import binary_cross_entropy_with_logits, cross_entropy

_FUNCTIONS = {
    "cross_entropy": cross_entropy,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
}
# The classes stay torch's own, so that instances, subclasses and pickles of any time are theirs; their methods do not.
_CLASSES = {
    torch.nn.CrossEntropyLoss: modules.CrossEntropyLoss,
    torch.nn.BCEWithLogitsLoss: modules.BCEWithLogitsLoss,
}

_lock = threading.Lock()
_count = 0
_undo: list[tuple[Any, str, Any, Any]] = []  # where, what, xent's, torch's
_rules: list[tuple[dict[str, Any], str, Any]] = []  # of torch.compile: where, what, which
_ABSENT = object()


def install() -> Installed:
    """Put xent in place of torch's cross-entropy and binary cross-entropy, for the whole program.

    ``torch.nn.functional.cross_entropy`` and ``binary_cross_entropy_with_logits`` become xent's functions;
    ``torch.nn.CrossEntropyLoss`` and ``BCEWithLogitsLoss``, instances that exist already and subclasses included, call
    them and take xent's further keywords. Whoever imported a function by its name before keeps torch's. This loads
    torch's compiler, which has a list of these names of its own; it takes a second.

    Returns
    -------
    A handle: ``undo()``, or leaving it as a context manager, puts torch's own back. Installing twice is counted:
    torch's come back when every handle is undone, in whatever order. What others have put there since is left in place.

    Examples
    --------
    >>> import torch
    >>> import xent.torch
    >>> with xent.torch.install():
    ...     torch.nn.functional.cross_entropy is xent.torch.cross_entropy
    True
    >>> torch.nn.functional.cross_entropy is xent.torch.cross_entropy
    False
    """
    global _count
    with _lock:
        if _count == 0:
            _let_the_compiler_look_in()
            for name, function in _FUNCTIONS.items():
                _put(torch.nn.functional, name, function)
            for cls, ours in _CLASSES.items():
                for name in ("__init__", "forward", "extra_repr"):
                    _put(cls, name, vars(ours)[name])
        _count += 1
    return Installed()


class Installed:
    """What :func:`install` returns."""

    def __init__(self) -> None:
        self._active = True

    def undo(self) -> None:
        """Put torch's own back, unless another handle still holds xent's; a second time does nothing."""
        global _count
        with _lock:
            if not self._active:
                return
            self._active = False
            _count -= 1
            if _count == 0:
                _put_back()

    def __enter__(self) -> Installed:
        return self

    def __exit__(self, *_: object) -> None:
        self.undo()


def _put(where: Any, name: str, ours: Any) -> None:
    _undo.append((where, name, ours, vars(where).get(name, _ABSENT)))
    setattr(where, name, ours)


def _put_back() -> None:
    while _undo:
        where, name, ours, theirs = _undo.pop()
        if vars(where).get(name) is not ours:
            continue
        if theirs is _ABSENT:
            delattr(where, name)
        else:
            setattr(where, name, theirs)
    while _rules:
        rules, name, rule = _rules.pop()
        rules[name] = rule
    _forget_compiler_rules()


def _let_the_compiler_look_in() -> None:
    """Take torch's functions from the list of names that torch.compile makes one node of, whoever bears them.

    A node takes tensors and numbers, but no loss object.
    """
    from torch._dynamo import trace_rules

    every: Any = trace_rules.torch_name_rule_map
    for rules in every:
        for name in (f"torch.nn.functional.{function}" for function in _FUNCTIONS):
            if name in rules:
                _rules.append((rules, name, rules.pop(name)))
    _forget_compiler_rules()


def _forget_compiler_rules() -> None:
    from torch._dynamo import trace_rules

    trace_rules.get_torch_obj_rule_map.cache_clear()
