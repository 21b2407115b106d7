"""Logits that are clipped, cut off from the graph, laid out wrongly, or no numbers at all."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch

from xent.torch._guard import graph, values
from xent.torch._guard.finding import Suspicion
from xent.torch._guard.inputs import floor, floor_in_words
from xent.torch._guard.look import Look

_HARMLESS = 0.05  # nats of a floor: a clip at ±10 that guards against overflow has less


def clipped(look: Look) -> Iterator[Suspicion]:
    """XE106: a ReLU, tanh or clamp as the last thing done to logits."""
    call, origin = look.call, look.origin
    if call.family not in ("softmax", "sigmoid") or (call.family == "softmax" and look.n_classes < 2):
        return
    seen = f"{origin} → {call.function}"
    bounds = _bounds(origin)
    if bounds is None:
        if not (origin.is_hidden and call.family == "softmax" and values.have_a_floor_of_zeros(look.rows)):
            return
        zeros = float((look.rows == 0).double().mean())
        bounds = (0.0, math.inf)
        seen = f"no graph to go by; {100 * zeros:.0f} % of the entries are exactly 0 and none is below"
    low, high = bounds
    width = high - low
    if low < 0:
        # What is left of a wide range is a guard against overflow.
        least = math.log1p((look.n_classes - 1) * math.exp(-width)) if call.family == "softmax" else math.log1p(
            math.exp(-max(-low, high))
        )  # fmt: skip
        if least < _HARMLESS:
            return
    named = f"numbers in [{low:g}, {high:g}]" if math.isfinite(high) else "numbers that are never below 0"
    exact = floor(look, width) if call.family == "softmax" and math.isfinite(width) else None
    yield Suspicion(
        "XE106", "warning", f"input must be logits of any size; got {named}", seen,
        ("where it clips there is no gradient" + (", and no probability of a decision is below 0.5"
         if call.family == "sigmoid" and low >= 0 else "")) + floor_in_words(look, exact),
        "let the last layer's numbers reach the loss as they are",
        {"low": low, "high": high, **({} if exact is None else {"floor": exact})}, bool(origin.chain),
    )  # fmt: skip


def _bounds(origin: graph.Origin) -> tuple[float, float] | None:
    node = origin.node
    if origin.operation == "ReluBackward":
        return 0.0, math.inf
    if origin.operation == "TanhBackward":
        return -1.0, 1.0
    if node is not None and node.name() in ("HardtanhBackward0", "ClampBackward1", "ClampMinBackward0"):
        # Their bounds are numbers, not saved tensors.
        low = graph.saved_number(node, "_saved_min_val", "_saved_min")
        high = graph.saved_number(node, "_saved_max_val", "_saved_max")
        if low is not None and (low >= 0 or high is not None):
            return low, math.inf if high is None else high
    return None


def moved(look: Look) -> Iterator[Suspicion]:
    """XE307: a view where the class axis had to be moved, or none at all."""
    call, moves = look.call, look.origin.moves
    if call.family not in ("softmax", "nll") or call.axis is None:
        return
    shape = tuple(call.input.shape)
    for position, node in enumerate(moves):
        before = graph.size_before(node)
        if before is None:
            if graph.kind(node) in ("ToCopyBackward", "CloneBackward", "AliasBackward"):
                continue
            return
        rest = [graph.kind(each) for each in moves[position + 1 :]]
        if _is_swapped(before, shape):
            yield _viewed(look, before, f"a view from {before} to {shape} mixes the numbers of different rows")
            return
        convolved = look.origin.operation == "ConvolutionBackward" and not any(
            kind not in ("ToCopyBackward", "AliasBackward") for kind in rest
        )
        if convolved and len(shape) == 2 and len(before) >= 3 and before[1] == shape[1] and math.prod(before[2:]) > 1:
            yield _viewed(look, before, f"a view from {before} to {shape} takes positions for classes")
            return
        if (
            len(shape) == 3
            and shape[1] == shape[2] > 1
            and before == (shape[0] * shape[1], shape[2])
            and look.origin.is_linear
            and look.origin.operation != "ConvolutionBackward"
        ):
            yield _viewed(look, None, f"a linear layer put the classes last, and of {shape} axis 1 is taken for them")
        return


def _is_swapped(before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Say whether one shape is the other with its first axis kept and the class axis moved between the ends."""
    if len(before) != len(after) or len(before) < 3 or before == after:
        return False
    to_second = (before[0], before[-1], *before[1:-1])
    return after == to_second


def _viewed(look: Look, before: tuple[int, ...] | None, seen: str) -> Suspicion:
    last = look.call.input.dim() - 1
    hint = (
        f"use movedim(-1, 1) on the logits: their classes are axis {last}"
        if before is None
        else "use permute or movedim, which move the class axis, before or in place of the view"
    )
    return Suspicion(
        "XE307", "error" if before else "warning", "input must have its classes along axis 1; got them elsewhere",
        f"{seen} ({look.origin} → {look.call.function})",
        "each row of the loss then holds numbers of several positions: it falls, and the model learns an average",
        hint, {}, True,
    )  # fmt: skip


def cut_off(look: Look) -> Iterator[Suspicion]:
    """XE306: decisions in place of logits."""
    call = look.call
    if not look.trained or call.input.requires_grad or call.family == "kl":
        return
    if call.family in ("softmax", "nll"):
        decided = values.are_decisions(look.rows)
    else:
        entries = look.rows.reshape(-1)
        decided = (
            entries.numel() >= 8
            and bool(((entries == 0) | (entries == 1)).all())
            and bool(entries.min() < entries.max())
        )
    if decided:
        yield Suspicion(
            "XE306", "error", "input must be scores that have a gradient; got decisions, all 0 or 1",
            f"{look.rows.numel()} entries that were looked at are all 0 or 1, and have no gradient",
            "argmax, round and a threshold have no gradient: nothing is learned from this loss",
            "pass the scores themselves to the loss, and decide only to count hits",
        )  # fmt: skip


def not_finite(look: Look) -> Iterator[Suspicion]:
    """XG001: NaN or infinite logits, with the first row."""
    call, numbers = look.call, look.call.input.detach()
    if call.axis is None:
        target = call.target.detach()
        bad = (
            torch.isnan(numbers) | (torch.isneginf(numbers) & (target != 0)) | (torch.isposinf(numbers) & (target != 1))
        )
    else:
        highest = numbers.amax(call.axis)  # NaN where one is in the row
        bad = torch.isnan(highest) if call.family == "kl" else ~torch.isfinite(highest)
    if call.takes_index and bad.shape == look.live.shape:
        bad = bad & look.live
    count = int(bad.sum())
    if count == 0:
        return
    first = tuple(int(i) for i in bad.nonzero()[0])
    row = (numbers if call.axis is None else numbers.movedim(call.axis, -1))[first].flatten()
    what = "NaN" if bool(torch.isnan(row).any()) else "inf" if bool(torch.isposinf(row).any()) else "-inf"
    place = str(first[0]) if len(first) == 1 else str(first) if first else "0"
    yield Suspicion(
        "XG001", "error", f"input must be finite; got {what} at row {place}",
        f"{count} of {bad.numel()} rows hold NaN or infinite numbers, row {place} is the first",
        "the loss and every gradient become NaN, and after one step every parameter",
        "look for the first layer that gives NaN (torch.autograd.detect_anomaly), a step that was too large, "
        "or an overflow of half precision",
        {"rows": count, "first_row": first[0] if first else 0},
    )  # fmt: skip
