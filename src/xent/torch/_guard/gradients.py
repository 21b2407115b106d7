"""What can only be seen when gradients are computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from xent.torch._guard.finding import Suspicion
from xent.torch._guard.look import Look

_SMALL = 0.01  # nats: of a loss below, a gradient may well be 0


def watch_zeros(look: Look, value: Any, report: Callable[[Suspicion], None]) -> list[Any]:
    """Report a gradient that is 0 everywhere at the node that made the input, though the loss was asked for one.

    Returns the handles of the hooks that look.
    """
    node = look.origin.node
    if not isinstance(value, Tensor) or value.grad_fn is None or node is None or look.origin.operation == "leaf":
        return []
    if look.origin.operation not in ("joined", "opaque") and not look.origin.is_linear:
        parents = [parent for parent, _ in node.next_functions if parent is not None]
        node = parents[0] if len(parents) == 1 and parents[0].next_functions else node
    if node.name().rpartition("::")[2] == "AccumulateGrad":
        return []
    numbers = value.detach()
    size = float(numbers.abs().mean()) / (_rows(look) if look.call.reduction == "sum" else 1)
    if not size > _SMALL:
        return []
    return _hooked(value.grad_fn, node, size, f"{look.origin} → {look.call.function}", report)


def _hooked(loss: Any, head: Any, size: float, path: str, report: Callable[[Suspicion], None]) -> list[Any]:
    """Put hooks on both nodes, which hold no tensor and no node: that would hold them."""
    asked = False
    handles: list[Any] = []
    name = head.name()

    def at_the_loss(gradients: list[Tensor]) -> None:
        nonlocal asked
        asked = any(bool((each != 0).any()) for each in gradients)

    def at_the_head(gradients: list[Tensor]) -> None:
        if not asked or not gradients or any(bool((each != 0).any()) for each in gradients):
            return
        entries = sum(each.numel() for each in gradients)
        found = Suspicion(
            "XG005", "warning", "input must have a gradient somewhere; got 0 everywhere",
            f"the loss is {size:.3g}, and the gradient that reaches {name} is 0 in all of {entries} entries ({path})",
            "nothing is learned from such a step: an activation between is saturated or dead",
            "let logits reach the loss without an activation, and make the first ones small", {"loss": size},
        )  # fmt: skip
        report(found)

    for node, hook in ((loss, at_the_loss), (head, at_the_head)):
        handles.append(node.register_prehook(_once(hook, handles, len(handles))))
    return handles


def _rows(look: Look) -> int:
    return max(look.call.input.numel() // max(look.n_classes if look.call.axis is not None else 1, 1), 1)


def _once(hook: Callable[[list[Tensor]], None], handles: list[Any], which: int) -> Callable[[Any], None]:
    """Return a hook that goes with its first call."""

    def called(gradients: tuple[Tensor | None, ...]) -> None:
        handles[which].remove()
        with torch.no_grad():
            hook([each.detach() for each in gradients if each is not None and each.layout is torch.strided])

    return called
