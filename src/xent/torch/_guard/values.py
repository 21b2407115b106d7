"""What the numbers of a tensor say by themselves: rows of probabilities, of logarithms of them, of a ReLU."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_ROWS = 1024  # looked at
_ENOUGH = 4  # rows to go by where only the numbers speak
_WHOLE = 1 << 22  # entries that are copied and looked at
TOLERANCES = {torch.float16: 5e-4, torch.bfloat16: 5e-3}


def tolerance(tensor: Tensor) -> float:
    """Return how far a row of probabilities of this dtype may be from a sum of 1."""
    return TOLERANCES.get(tensor.dtype, 1e-5)


def rows_along(tensor: Tensor, axis: int, live: Tensor | None = None) -> Tensor:
    """Return rows along an axis, evenly spread over all that are live, in float64 on the CPU."""
    table = tensor.detach().movedim(axis, -1)
    k, places = table.shape[-1], table.shape[:-1]
    if live is None:
        at = torch.arange(math.prod(places), device=table.device)
    else:
        at = live.reshape(-1).nonzero()[:, 0]
    at = at[:: -(-len(at) // max(_ENOUGH, min(_ROWS, _WHOLE // max(k, 1)))) or 1]
    if not places:
        return table.reshape(-1, k).cpu().double()
    return table[torch.unravel_index(at, places)].cpu().double()


def departure(rows: Tensor) -> float:
    """Return how far the rows' sums are from 1 at most; inf where an entry is no probability."""
    if rows.numel() == 0 or not bool(torch.isfinite(rows).all()) or bool((rows < 0).any()):
        return float("inf")
    return float((rows.sum(-1) - 1).abs().max())


def are_probabilities(rows: Tensor, within: float) -> bool:
    """Say whether the numbers alone show that the rows are probabilities: several rows, not all of them constant."""
    if rows.shape[0] < _ENOUGH or rows.shape[1] < 2:
        return False
    spread = rows.amax(-1) - rows.amin(-1)
    return departure(rows) <= within and bool((spread > 10 * within).any())


def are_decisions(rows: Tensor) -> bool:
    """Say whether every row is one-hot, one 1 and else 0, over several rows."""
    one_hot = ((rows == 0) | (rows == 1)).all() and (rows.sum(-1) == 1).all()
    return rows.shape[0] >= _ENOUGH and rows.shape[1] > 1 and bool(one_hot)


def log_mass(rows: Tensor) -> Tensor:
    """Return log Σ exp of each row: 0 where it is logarithms of probabilities."""
    return torch.logsumexp(rows, -1)


def have_a_floor_of_zeros(rows: Tensor) -> bool:
    """Say whether the numbers look like a ReLU's: many exact zeros, nothing below, and fractions above."""
    if rows.shape[0] < _ENOUGH or not bool(torch.isfinite(rows).all()):
        return False
    zeros = (rows == 0).double().mean()
    above = rows[rows > 0]
    return bool(rows.min() == 0) and 0.1 <= float(zeros) <= 0.9 and bool((above != above.round()).double().mean() > 0.9)


def other_axis(tensor: Tensor, axis: int, within: float, logarithms: bool = False) -> int | None:
    """Return another axis than ``axis`` along which the whole tensor sums to 1, or its exponentials do."""
    if tensor.numel() > _WHOLE:
        return None
    numbers = tensor.detach().cpu().double()
    for other in range(tensor.dim()):
        if other == axis or tensor.shape[other] < 2:
            continue
        total = torch.logsumexp(numbers, other) if logarithms else numbers.sum(other) - 1
        if bool((total.abs() <= within).all()):
            return other
    return None
