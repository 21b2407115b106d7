"""Targets that are not what the loss takes them for, and weights that do not go with them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from xent.torch._guard import graph, values
from xent.torch._guard.finding import Suspicion
from xent.torch._guard.look import Look

_SIGMOID_OF_ONE = 1 / (1 + math.exp(-1))
_MOST = 1 << 16  # entries looked at


def _entries(target: Tensor) -> Tensor:
    """Return entries of a target, evenly spread, in float64 on the CPU."""
    flat = target.detach().reshape(-1)
    return flat[:: -(-flat.numel() // _MOST) or 1].cpu().double()


def distributions(look: Look) -> Iterator[Suspicion]:
    """XE302, XE304, XG003: rows that are to be probabilities over the classes, and are not."""
    call = look.call
    if call.family == "kl":
        rows = values.rows_along(call.target, -1)
        if bool((rows < -1e-6).any()):
            yield Suspicion(
                "XG003", "error", "target must be probabilities; got numbers below 0",
                f"{int((rows < 0).any(-1).sum())} of {rows.shape[0]} rows hold numbers below 0, the least "
                f"{float(rows.min()):.3g}",
                "the logarithm of such a target is NaN, and so is the loss",
                "pass probabilities, or their logarithms with log_target=True",
            )  # fmt: skip
        return
    if call.family != "softmax" or call.takes_index or call.target.shape != call.input.shape or call.axis is None:
        return
    rows = values.rows_along(call.target, call.axis)
    k, n = rows.shape[1], rows.shape[0]
    if k < 2 or n == 0 or not bool(torch.isfinite(rows).all()):
        return
    sums = rows.sum(-1)
    if bool(((rows == 0) | (rows == 1)).all()):
        several = int((sums > 1).sum())
        if several:
            yield Suspicion(
                "XE302", "error", "target must name one class a row, or be probabilities; got several ones in a row",
                f"{several} of {n} rows hold more than one 1, up to {int(sums.max())}",
                "a softmax makes classes exclude each other: no row can have two probabilities of 1, and rows with "
                "more ones count for more",
                "for several labels a row use binary_cross_entropy_with_logits",
                {"rows": several, "most": float(sums.max())},
            )  # fmt: skip
        return
    high, low = math.e / (math.e + k - 1), 1 / (math.e + k - 1)
    within = max(values.tolerance(call.target), 1e-6)
    if n >= 4 and bool((((rows - high).abs() < within).sum(-1) == 1).all()) and bool(
        (((rows - low).abs() < within).sum(-1) == k - 1).all()
    ):  # fmt: skip
        yield Suspicion(
            "XE304", "error", "target must be one-hot or probabilities; got the softmax of a one-hot",
            f"every row holds {high:.3f} once and {low:.3f} otherwise, which is the softmax of 1 and 0",
            f"the right class has a probability of {high:.3f} at most, so that sure answers are punished",
            "pass the target as it is, best as class indices", {"high": high, "low": low},
        )  # fmt: skip
        return
    off = (sums - 1).abs() > max(1e-3, values.tolerance(call.target))
    if bool((rows < 0).any()):
        if not bool(off.any()) and float(rows.min()) > -1:
            return  # smoothing by a negative number, which is done on purpose
        yield Suspicion(
            "XG003", "error", "target must be class indices or probabilities; got numbers below 0",
            f"{int((rows < 0).any(-1).sum())} of {n} rows hold numbers below 0, the least {float(rows.min()):.3g}",
            "a float target is taken for probabilities: a loss of negative ones has no end below",
            "apply softmax to a teacher's logits, or pass class indices (int64)",
            {"least": float(rows.min())},
        )  # fmt: skip
        return
    off &= sums != 0  # a row without a target takes no part
    off &= (rows > 0).sum(-1) > 1  # a one-hot times a weight of the row
    if call.reduction != "none" and int(off.sum()) > n / 2 and float(sums.max()) > 1.001:
        yield Suspicion(
            "XG003", "warning", "target must be probabilities that sum to 1 over the classes; got other sums",
            f"{int(off.sum())} of {n} rows sum to something else, {float(sums.min()):.3g} to {float(sums.max()):.3g}",
            "rows count by their sums, and the loss is no cross-entropy",
            "divide each row by its sum; for several labels a row use binary_cross_entropy_with_logits",
            {"least": float(sums.min()), "largest": float(sums.max())},
        )  # fmt: skip


def entries(look: Look) -> Iterator[Suspicion]:
    """XE304, XE305: numbers that are to be 0, 1 or a probability."""
    call = look.call
    if call.family not in ("sigmoid", "bce"):
        return
    seen = _entries(call.target)
    if call.ignore_index is not None:
        seen = seen[seen != call.ignore_index]
    if seen.numel() == 0 or not bool(torch.isfinite(seen).all()):
        return
    highest = float(seen.max())
    if highest > 1 and bool((seen == seen.round()).all()):
        yield Suspicion(
            "XE305", "error", "target must be 0, 1 or a probability for each entry; got class indices",
            f"whole numbers up to {highest:g} in the target",
            "the loss has no end below for a target above 1: it falls as the logit grows, for right and wrong alike",
            "use cross_entropy for class indices, or make them one-hot", {"largest": highest},
        )  # fmt: skip
        return
    if highest > 1 + 1e-3 and call.reduction != "none" and not call.own_weights:
        yield Suspicion(
            "XG003", "error", "target must be 0, 1 or a probability for each entry; got numbers above 1",
            f"numbers from {float(seen.min()):.3g} to {highest:.3g} in the target",
            "the loss has no end below for a target above 1",
            "scale the target to [0, 1], or use a loss for regression", {"largest": highest},
        )  # fmt: skip
        return
    within = max(values.tolerance(call.target), 1e-6)
    half, seventh = (seen - 0.5).abs() < within, (seen - _SIGMOID_OF_ONE).abs() < within
    if seen.numel() >= 8 and bool((half | seventh).all()) and bool(half.any()) and bool(seventh.any()):
        share = float(seventh.double().mean())
        yield Suspicion(
            "XE304", "error", "target must be 0, 1 or a probability for each entry; got the sigmoid of 0 and 1",
            f"all of {seen.numel()} targets are 0.5 or 0.731, {100 * share:.0f} % of them 0.731",
            "negatives are trained towards 0.5: no threshold of 0.5 separates them from anything",
            "pass the target as it is", {"positives": share},
        )  # fmt: skip


def padded(look: Look) -> Iterator[Suspicion]:
    """XE401: one and the same class at the end of rows of various lengths, and nowhere else."""
    call = look.call
    if not call.takes_index or call.reduction == "none" or call.own_weights:
        return
    target = call.target.detach()
    if target.dim() == 1:
        target = _unflattened(look, target)
    if target.dim() != 2 or target.shape[0] < 4 or target.shape[1] < 4:
        return
    target = target[:256].cpu()
    last = target[:, -1]
    pad = int(last.mode().values)
    if pad == call.ignore_index or (call.weight is not None and float(torch.as_tensor(call.weight)[pad]) == 0):
        return
    is_pad = target == pad
    runs = is_pad.flip(1).long().cumprod(1).sum(1)
    inside = int(is_pad.sum()) - int(runs.sum())
    long = runs >= 2
    several = len(set(runs[long].tolist())) >= 3 and int(long.sum()) >= max(3, target.shape[0] / 2)
    if not several or inside > 0 or int(is_pad.all(1).sum()) > target.shape[0] / 2 or not _vary(target[~is_pad]):
        return
    share = float(is_pad.double().mean())
    yield Suspicion(
        "XE401", "warning", f"target must not train padding as a class; got what looks like it, class {pad}",
        f"{int(long.sum())} of {target.shape[0]} rows end in 2 to {int(runs.max())} times {pad}, which stands nowhere "
        f"else; ignore_index={call.ignore_index}",
        f"{100 * share:.0f} % of the targets are {pad}: the model learns to predict it, and the loss looks better "
        "than it is",
        f"pass ignore_index={pad}, or set those targets to {call.ignore_index}; if {pad} is a class, pass "
        'ignore=["XE401"] to the guard',
        {"share": share, "class": pad},
    )  # fmt: skip


def _vary(labels: Tensor) -> bool:
    return labels.numel() > 0 and bool(labels.min() < labels.max())


def _unflattened(look: Look, target: Tensor) -> Tensor:
    """Return targets of one axis as rows, where the graph shows from what the logits were flattened."""
    for node in look.origin.moves:
        before = graph.size_before(node)
        if before is not None:
            if len(before) == 3 and before[2] == look.n_classes and before[0] * before[1] == target.numel():
                return target.reshape(before[:2])
            break
        if graph.kind(node) not in ("ToCopyBackward", "CloneBackward"):
            break
    return target


def nothing_left(look: Look) -> Iterator[Suspicion]:
    """XG002: a mean over rows that are all ignored."""
    call = look.call
    if not call.takes_index or call.reduction != "mean" or not call.nan_when_empty or call.own_weights:
        return
    if call.target.numel() > 0 and not bool(look.live.any()):
        yield Suspicion(
            "XG002", "error", "target must hold something else than ignore_index; got nothing else",
            f"all of {call.target.numel()} targets are {call.ignore_index}",
            "the mean of nothing is NaN: it is the loss, and after one step every parameter",
            "leave such batches out, or use xent.torch.cross_entropy with empty='zero'",
            {"rows": call.target.numel()},
        )  # fmt: skip


def broadcast(look: Look) -> Iterator[Suspicion]:
    """XE602: shapes that are not the same and fit all the same."""
    call = look.call
    if call.family == "kl" and call.input.shape != call.target.shape:
        a, b = tuple(call.input.shape), tuple(call.target.shape)
        both = np.broadcast_shapes(a, b)
        if math.prod(both) > max(call.input.numel(), call.target.numel()):
            yield Suspicion(
                "XE602", "error", f"input and target must have one shape; got {a} and {b}",
                f"they broadcast to {both}",
                "every row is compared with every other one", "reshape one to the shape of the other",
            )  # fmt: skip


def averaged(look: Look) -> Iterator[Suspicion]:
    """XE205: a divergence divided by the classes as well."""
    call = look.call
    if call.family == "kl" and call.reduction == "mean" and call.input.dim() > 1 and look.n_classes > 1:
        yield Suspicion(
            "XE205", "info", 'reduction must be "batchmean" for the divergence; got "mean"',
            f"input of shape {tuple(call.input.shape)}",
            f"the mean is over entries: the divergence of a row is divided by its {look.n_classes} classes",
            'use reduction="batchmean"', {"n_classes": look.n_classes}, True,
        )  # fmt: skip


# --- weights ----------------------------------------------------------------------------------------------------------


def weights(look: Look) -> Iterator[Suspicion]:
    """XE405, XE406: one weight for all, and a smoothing that outweighs a class."""
    call = look.call
    if call.family == "sigmoid" and call.weight is not None:
        weight = torch.as_tensor(call.weight)
        if weight.numel() == 1 and call.input.numel() > 1 and float(weight.detach()) != 1:
            yield Suspicion(
                "XE405", "warning", "weight must be one number an entry or class; got a single one",
                f"weight={float(weight.detach()):g} for all of {call.input.numel()} entries",
                "it multiplies the whole loss, as a learning rate does, and balances nothing",
                "for more weight on the positives use pos_weight", {"weight": float(weight.detach())},
            )  # fmt: skip
    if call.family != "softmax" or not call.takes_index or call.weight is None or not 0 < call.label_smoothing < 1:
        return
    weight = torch.as_tensor(call.weight).detach().cpu().double()
    k, smoothing = weight.numel(), call.label_smoothing
    if k != look.n_classes or not call.textbook:
        return
    best = int(weight.argmax())
    own, other = (1 - smoothing + smoothing / k) * weight, smoothing / k * float(weight[best])
    overruled = ((weight > 0) & (other > own * (1 + 1e-9))).nonzero()[:, 0]
    if len(overruled):
        label = int(overruled[0])
        yield Suspicion(
            "XE406", "warning", "label_smoothing and weight must leave every class its own optimum; got otherwise",
            f"label_smoothing={smoothing:g} with weights from {float(weight.min()):g} to {float(weight.max()):g}",
            f"smoothing weighs class {best} with {other:.3g} in a row of class {label}, and its own class with "
            f"{float(own[label]):.3g}: the loss is least where the answer is {best}",
            "weight the classes less, or smooth less, or use sample weights in place of class weights",
            {"class": label, "instead": best, "classes": len(overruled)},
        )  # fmt: skip


def weights_against_counts(look: Look, counts: Tensor) -> Iterator[Suspicion]:
    """XE404: weights that are large where the classes are frequent, given what has been counted so far."""
    call = look.call
    if call.weight is None or not call.takes_index:
        return
    weight = torch.as_tensor(call.weight).detach().cpu().double()
    if weight.numel() != counts.numel():
        return
    used = (weight > 0) & (counts > 0)
    w, n = weight[used].log(), counts[used].double().log()
    total = int(counts.sum())
    if len(w) < 2 or total < 64 or total < 8 * len(w):
        return
    spread = float(n.max() - n.min())
    error = float((1 / counts[used].double()[n.argmax()] + 1 / counts[used].double()[n.argmin()]).sqrt())
    if spread < max(math.log(3), 4 * error) or float(w.max() - w.min()) < math.log(2) or float(w.std()) == 0:
        return
    if len(w) == 2:  # the two may be costs, which only that same ratio is not
        together = 1.0 if abs(float((w[0] - w[1]) / (n[0] - n[1])) - 1) < 0.2 else 0.0
    else:
        together = float(torch.corrcoef(torch.stack([w, n]))[0, 1])
    if together > (0.9 if len(w) > 3 else 0.98):
        most, least = int(counts.argmax()), int(torch.where(used, counts, counts.max() + 1).argmin())
        yield Suspicion(
            "XE404", "warning", "weight must be large for rare classes; got it large for the frequent ones",
            f"class {most}, {int(counts[most])} of {total} rows, has weight {float(weight[most]):.3g}, and class "
            f"{least}, {int(counts[least])} rows, {float(weight[least]):.3g} (their logarithms correlate with "
            f"{together:.2f})",
            "the frequent classes count twice, and the rare ones are forgotten",
            "use 1 / count, and mind the order of the classes", {"correlation": together},
        )  # fmt: skip
