"""One look at one call: what the rules share, each worked out once."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from xent.torch._guard import graph, values
from xent.torch._guard.calls import Call


class Look:
    """A call, with what its graph and its numbers say."""

    def __init__(self, call: Call, trained: bool) -> None:
        self.call = call
        self.trained = trained  # whether gradients are kept

    @cached_property
    def origin(self) -> graph.Origin:
        """What made the input."""
        return graph.origin(self.call.input)

    @cached_property
    def axis(self) -> int:
        """The class axis; for a loss of entries that of a softmax, where the input is one, else the last."""
        call = self.call
        if call.axis is not None:
            return call.axis
        if self.origin.operation == "SoftmaxBackward" and not self.origin.moves:
            return graph.saved_axis(self.origin.node, call.input.dim()) or 0
        return call.input.dim() - 1

    @cached_property
    def n_classes(self) -> int:
        """The size of the class axis."""
        return self.call.input.shape[self.axis]

    @cached_property
    def live(self) -> Tensor:
        """Which class indices take part."""
        target, ignored = self.call.target, self.call.ignore_index
        return torch.ones_like(target, dtype=torch.bool) if ignored is None else target != ignored

    @cached_property
    def rows(self) -> Tensor:
        """Rows of the input along the class axis, those that are ignored left out: float64, on the CPU."""
        return values.rows_along(self.call.input, self.axis, self.live if self.call.takes_index else None)

    @cached_property
    def tolerance(self) -> float:
        """How far a row of probabilities may be from a sum of 1: wider where a graph says that it is one."""
        cast = any(name.startswith("ToCopy") for name in self.origin.chain)
        return max(values.TOLERANCES.values()) if cast else values.tolerance(self.call.input)
