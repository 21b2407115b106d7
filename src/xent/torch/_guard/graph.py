"""What the autograd graph says of a tensor: which operation made its numbers, seen through those that only move them.

No saved tensor is read: that could run the hooks of a checkpoint or of memory that was moved elsewhere. What sizes and
axes the nodes have is there for the asking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_MOVES = frozenset(
    f"{name}Backward"
    for name in (
        *("View", "UnsafeView", "ReshapeAlias", "Permute", "Transpose", "T", "Squeeze", "Unsqueeze", "Expand", "Slice"),
        *("Select", "Index", "IndexSelect", "MaskedSelect", "Clone", "ToCopy", "Alias", "Split", "SplitWithSizes"),
        *("Unbind", "Repeat", "Flip", "Roll", "Narrow"),
    )
)
_JOINS = frozenset({"CatBackward", "StackBackward"})
LINEAR = frozenset(
    f"{name}Backward" for name in ("Addmm", "Mm", "Linear", "MkldnnLinear", "Convolution", "MkldnnConvolution")
)
_MOST = 256  # nodes that are followed


@dataclass(frozen=True)
class Origin:
    """Where a tensor's numbers come from.

    ``operation`` is the node's name without its number; empty where there is no graph, ``"opaque"`` where somebody's
    own function or a compiled one stands there, ``"leaf"`` for a parameter.
    """

    operation: str
    node: Any = None
    chain: tuple[str, ...] = ()  # from the tensor back to the node, and one beyond
    moves: tuple[Any, ...] = ()  # the nodes passed

    def __str__(self) -> str:
        return " → ".join(reversed(self.chain))

    @property
    def is_hidden(self) -> bool:
        """Whether only the values can say what they are."""
        return self.operation in ("", "opaque")

    @property
    def is_linear(self) -> bool:
        """Whether a linear layer or a convolution made them."""
        return self.operation in LINEAR


def origin(tensor: Tensor) -> Origin:
    """Return what made the numbers of a tensor."""
    if tensor.grad_fn is None:
        return Origin("leaf" if tensor.requires_grad else "")
    return _follow(tensor.grad_fn, {})


def _follow(node: Any, known: dict[Any, Origin | None]) -> Origin:
    """Return what made the numbers of a node; ``known`` holds the nodes already met, which many paths may share."""
    chain: list[str] = []
    moves: list[Any] = []
    while len(known) < _MOST:
        name = kind(node)
        chain.append(node.name())
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        if name in _JOINS and parents and len(parents) == len(node.next_functions):
            made = [_remembered(parent, known) for parent in parents]
            if len({each.operation for each in made}) > 1:
                return Origin("joined", node, tuple(chain), tuple(moves))
            return Origin(made[0].operation, made[0].node, (*chain, *made[0].chain), tuple(moves))
        if name in _MOVES and parents:
            known[node] = None
            moves.append(node)
            node = parents[0]
            continue
        if name == "AccumulateGrad":
            return Origin("leaf", node, tuple(chain), tuple(moves))
        if isinstance(node, torch.autograd.function.BackwardCFunction) or not name.endswith("Backward"):
            return Origin("opaque", node, tuple(chain), tuple(moves))
        others = [parent for parent in parents if kind(parent) != "AccumulateGrad"]
        if name == "AddBackward" and len(parents) == 2 and len(others) == 1:
            product = _follow(others[0], known)
            if product.is_linear:  # and its bias
                return Origin(product.operation, node, (*chain, *product.chain), (*moves, *product.moves))
        chain += [parent.name() for parent in parents[-1:] if kind(parent) in LINEAR]
        return Origin(name, node, tuple(chain), tuple(moves))
    return Origin("opaque", node, tuple(chain), tuple(moves))


def _remembered(node: Any, known: dict[Any, Origin | None]) -> Origin:
    met = known.get(node)
    if met is None:
        met = known[node] = _follow(node, known)
    return met


def kind(node: Any) -> str:
    """Return the name of a node without its number."""
    name: str = node.name().rpartition("::")[2]
    return name.rstrip("0123456789")


def saved_axis(node: Any, n_axes: int) -> int | None:
    """Return the axis along which a softmax was taken, counted from the front."""
    axis = getattr(node, "_saved_dim", None)
    if axis is None or n_axes == 0:
        return None
    return int(axis - 2**64 if axis >= 2**63 else axis) % n_axes


def saved_number(node: Any, *names: str) -> float | None:
    """Return the first of these saved numbers that the node has."""
    for name in names:
        value = getattr(node, name, None)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
    return None


def size_before(node: Any) -> tuple[int, ...] | None:
    """Return the shape from which a view was made."""
    if kind(node) not in ("ViewBackward", "UnsafeViewBackward", "ReshapeAliasBackward"):
        return None
    sizes = getattr(node, "_saved_self_sym_sizes", None)
    return None if sizes is None else tuple(int(size) for size in sizes)
