"""What a loss gets as its input: an activation too many, one missing, one along another axis."""

from __future__ import annotations

import math
from collections.abc import Iterator

from xent.torch._guard import graph, values
from xent.torch._guard.finding import Severity, Suspicion
from xent.torch._guard.look import Look

_SIGMOIDS = ("SigmoidBackward", "HardsigmoidBackward", "LogSigmoidBackward")


def activation(look: Look) -> Iterator[Suspicion]:
    """Look at what was done last to the input: softmax, sigmoid or their logarithms."""
    operation, family = look.origin.operation, look.call.family
    if look.n_classes == 1 and family in ("softmax", "nll"):
        return  # XE301 says it
    if operation == "SoftmaxBackward":
        yield from _softmax(look)
    elif operation == "LogSoftmaxBackward":
        yield from _log_softmax(look)
    elif operation in _SIGMOIDS:
        yield from _sigmoid(look, operation)
    elif look.origin.is_linear:
        yield from _linear(look)
    elif operation != "leaf":
        yield from _numbers(look)


def floor(look: Look, width: float) -> float | None:
    """Return what the loss cannot go below where logits differ by ``width`` at most; None where it is not exact.

    A row whose target is one class of K has a loss of log(1 + (K-1) exp(-width)) or more, and so has every weighted
    mean of such rows. Binary logits within [0, 1] have log(1 + 1/e) for each positive and log 2 for each negative.
    """
    call = look.call
    if not call.textbook or call.label_smoothing != 0 or call.own_weights:
        return None
    if call.family == "softmax" and call.takes_index:
        if call.reduction != "mean" and call.weight is not None:
            return None
        return math.log1p((look.n_classes - 1) * math.exp(-width))
    if call.family == "sigmoid" and call.pos_weight is None and width == 1 and call.target.numel() > 0:
        target = call.target.detach()
        if bool(((target == 0) | (target == 1)).all()):
            positives = float(target.double().mean()) if target.device.type != "mps" else float(target.mean())
            return positives * math.log1p(math.exp(-1)) + (1 - positives) * math.log(2)
    return None


def floor_in_words(look: Look, least: float | None) -> str:
    """Return the sentence with the floor, or nothing."""
    if least is None:
        return ""
    if look.call.family == "sigmoid":
        return f"; with these targets your loss cannot go below {least:.3f}"
    one = "" if look.call.reduction == "mean" else " of a row"
    return f"; with {look.n_classes} classes your loss{one} cannot go below {least:.3f}"


def _numbers_of(least: float | None, **others: float) -> dict[str, float]:
    return others if least is None else {"floor": least, **others}


# --- with a graph -----------------------------------------------------------------------------------------------------


def _softmax(look: Look) -> Iterator[Suspicion]:
    call, origin = look.call, look.origin
    if look.n_classes == 1 and call.family in ("bce", "sigmoid"):
        if bool((look.rows == 1).all()):
            yield _one_logit(look, "the softmax of one number is 1, whatever the number")
        return
    far = values.departure(look.rows)
    seen = f"{origin} → {call.function}"
    if not origin.moves and (axis := graph.saved_axis(origin.node, call.input.dim())) is not None:
        seen += f", softmax over axis {axis}"
    if far > look.tolerance and call.family in ("softmax", "nll") and not _is_joined(look):
        other = values.other_axis(call.input, look.axis, look.tolerance)
        if other is not None:
            yield _wrong_axis(look, "softmax", other)
            return
    if far <= look.tolerance:
        seen += f"; {look.rows.shape[0]} rows sum to 1 within {far:.1g}"
    elif call.family in ("bce", "sigmoid"):
        return  # one column of a softmax over two classes is what a binary loss wants
    yield from _probabilities(look, seen, from_graph=True, departure=far)


def _probabilities(look: Look, seen: str, from_graph: bool, **numbers: float) -> Iterator[Suspicion]:
    """Accuse rows that are known to be probabilities."""
    call = look.call
    if call.family == "softmax":
        least = floor(look, 1.0)
        yield Suspicion(
            "XE101", "error", "input must be logits; got probabilities, the result of a softmax", seen,
            f"{call.function} applies softmax itself, and the second one flattens all differences"
            + floor_in_words(look, least),
            "remove the softmax before the loss, and apply it where probabilities are wanted",
            _numbers_of(least, n_classes=look.n_classes, **numbers), from_graph,
        )  # fmt: skip
    elif call.family == "sigmoid":
        yield Suspicion(
            "XE303", "error", "input must be one logit a decision; got probabilities, the result of a softmax", seen,
            f"{call.function} applies sigmoid itself: a probability of 0 becomes 0.5, and none gets above 0.731",
            "pass the logits; for classes that exclude each other use cross_entropy",
            numbers, from_graph,
        )  # fmt: skip
    elif call.family == "bce":
        two = look.n_classes == 2
        yield Suspicion(
            "XE303", "info" if two else "warning",
            "input must be one probability a decision; got a softmax over classes", seen,
            "of two classes the mean is the same as with cross_entropy, less accurate where one is sure" if two else
            "a softmax makes classes exclude each other, and binary_cross_entropy asks for each of them by itself",
            "pass the logits to cross_entropy; for several labels a row use binary_cross_entropy_with_logits",
            numbers, from_graph,
        )  # fmt: skip
    else:
        code, name = (
            ("XE201", "the loss is -p instead of -log p") if call.family == "nll" else ("XE204", "p is read as log p")
        )
        yield Suspicion(
            code, _of_a_nll(look), "input must be log-probabilities; got probabilities, the result of a softmax", seen,
            f"{call.function} takes no logarithm: {name}, which hardly punishes a wrong and sure answer",
            "use log_softmax in place of softmax" + ("" if call.family == "kl" else ", or logits and cross_entropy"),
            numbers, from_graph,
        )  # fmt: skip


def _of_a_nll(look: Look) -> Severity:
    """Return a severity: without a reduction nll_loss is also used to gather an entry of each row."""
    return "warning" if look.call.family == "nll" and look.call.reduction == "none" else "error"


def _log_softmax(look: Look) -> Iterator[Suspicion]:
    call = look.call
    seen = f"{look.origin} → {call.function}"
    if call.family in ("sigmoid", "bce"):
        yield Suspicion(
            "XE303", "error", f"input must be {'logits' if call.family == 'sigmoid' else 'probabilities'}; "
            "got the result of a log_softmax", seen,
            "no logarithm of a probability is above 0, so that no decision gets above 0.5"
            if call.family == "sigmoid" else "binary_cross_entropy takes the logarithm itself",
            "pass the logits to binary_cross_entropy_with_logits", {}, True,
        )  # fmt: skip
        return
    far = float(values.log_mass(look.rows).abs().max()) if look.rows.numel() else 0.0
    if call.family in ("softmax", "nll") and far > 10 * look.tolerance and not _is_joined(look):
        other = values.other_axis(call.input, look.axis, 10 * look.tolerance, logarithms=True)
        if other is not None:
            yield _wrong_axis(look, "log_softmax", other)
            return
    if call.family == "softmax":
        yield Suspicion(
            "XE107", "info", "input need not be log-probabilities; got the result of a log_softmax", seen,
            "harmless: the softmax of log-probabilities is the probabilities, so loss and gradient are the same",
            "leave log_softmax out, or use nll_loss: that saves a pass over the logits", {}, True,
        )  # fmt: skip


def _sigmoid(look: Look, operation: str) -> Iterator[Suspicion]:
    call, seen = look.call, f"{look.origin} → {look.call.function}"
    log = operation == "LogSigmoidBackward"
    got = "the logarithm of a sigmoid" if log else "probabilities, the result of a sigmoid"
    least = None if log else floor(look, 1.0)
    if call.family == "sigmoid":
        yield Suspicion(
            "XE102", "error", f"input must be logits; got {got}", seen,
            f"{call.function} applies sigmoid itself"
            + (": no decision gets above 0.5" if log else ": no decision gets below 0.5 or above 0.731")
            + floor_in_words(look, least),
            "remove the sigmoid before the loss, and apply it where probabilities are wanted",
            _numbers_of(least), True,
        )  # fmt: skip
    elif call.family == "softmax":
        yield Suspicion(
            "XE103", "error", f"input must be logits; got {got}", seen,
            f"{call.function} applies softmax to it, and differences of 1 at most give no sure answer"
            + floor_in_words(look, least),
            "remove the sigmoid; for several labels a row use binary_cross_entropy_with_logits",
            _numbers_of(least, n_classes=look.n_classes), True,
        )  # fmt: skip
    elif call.family == "nll" and not log:
        yield Suspicion(
            "XE201", _of_a_nll(look), f"input must be log-probabilities; got {got}", seen,
            "nll_loss takes no logarithm: the loss is -p instead of -log p",
            "pass the logits to cross_entropy", {}, True,
        )  # fmt: skip


def _linear(look: Look) -> Iterator[Suspicion]:
    call = look.call
    seen = f"{look.origin} → {call.function}: no activation between the last layer and the loss"
    if call.family == "nll":
        yield _raw(look, seen, True)
    elif call.family == "kl":
        yield Suspicion(
            "XE204", "error", "input must be log-probabilities; got the numbers of a linear layer", seen,
            "kl_div applies no softmax: the loss falls without end by making every number larger",
            "apply log_softmax to the input", {}, True,
        )  # fmt: skip
    elif call.family == "bce":
        yield Suspicion(
            "XE206", "error", "input must be probabilities; got the logits of a linear layer", seen,
            "binary_cross_entropy applies no sigmoid: a number outside [0, 1] is refused, one inside is misread",
            "use binary_cross_entropy_with_logits", {}, True,
        )  # fmt: skip


def _raw(look: Look, seen: str, from_graph: bool) -> Suspicion:
    return Suspicion(
        "XE202", _of_a_nll(look), "input must be log-probabilities; got raw logits", seen,
        "nll_loss applies no softmax: the loss falls without end by making every logit larger",
        "use cross_entropy, or apply log_softmax to the input", {}, from_graph,
    )  # fmt: skip


def _is_joined(look: Look) -> bool:
    return any(name.startswith(("Cat", "Stack")) for name in look.origin.chain)


def _wrong_axis(look: Look, what: str, other: int) -> Suspicion:
    call = look.call
    node_axis = graph.saved_axis(look.origin.node, call.input.dim()) if not look.origin.moves else None
    named = other if node_axis is None else node_axis
    return Suspicion(
        "XE307", "error", f"input must have its classes along axis {call.axis}; got a {what} over axis {named}",
        f"{look.origin} → {call.function}; input of shape {tuple(call.input.shape)} is normalised along axis {other}, "
        f"and not along axis {call.axis}",
        f"{call.function} takes axis {call.axis} for the classes, and the {what} makes the entries of axis {named} "
        "exclude each other instead",
        f"pass logits to cross_entropy, and give every softmax its axis (dim={call.axis} here)",
        {"axis": other, "class_axis": call.axis or 0}, True,
    )  # fmt: skip


# --- with numbers alone -----------------------------------------------------------------------------------------------


def _numbers(look: Look) -> Iterator[Suspicion]:
    """Look at the values where no graph says what they are, or one that says nothing of it."""
    call, rows, within = look.call, look.rows, values.tolerance(look.call.input)
    if call.family in ("bce", "sigmoid") or rows.shape[0] == 0:
        return  # numbers between 0 and 1 may be anything
    said = (
        f"no graph to go by{' (it ends in ' + look.origin.chain[-1] + ')' if look.origin.chain else ''}; "
        if look.origin.is_hidden
        else f"{look.origin} → {call.function}; "
    )
    if values.are_probabilities(rows, within) and not values.are_decisions(rows):
        far = values.departure(rows)
        said += f"all of {rows.shape[0]} rows are in [0, 1] and sum to 1 within {far:.1g}"
        yield from _probabilities(look, said, from_graph=False, departure=far)
    elif look.origin.is_hidden and rows.shape[0] >= 4 and call.family in ("nll", "kl"):
        mass, above = values.log_mass(rows), float(rows.max())
        if above > 0.01 and float((mass.abs() > 0.05).double().mean()) > 0.9:
            said += (
                f"log Σ exp of the rows is {float(mass.median()):.3g} in the middle, and the largest entry {above:.3g}"
            )
            if call.family == "nll":
                yield _raw(look, said, False)
            else:
                yield Suspicion(
                    "XE204", "error", "input must be log-probabilities; got numbers above 0", said,
                    "no logarithm of a probability is above 0",
                    "apply log_softmax to the input", {"largest": above}, False,
                )  # fmt: skip


# --- one logit --------------------------------------------------------------------------------------------------------


def one_logit(look: Look) -> Iterator[Suspicion]:
    """Look for a softmax over one class."""
    call = look.call
    if call.family in ("softmax", "nll") and call.axis is not None and look.n_classes == 1:
        if call.family == "nll" and look.origin.operation != "LogSoftmaxBackward":
            return
        if call.input.numel() == 1:  # the last batch of a contrastive loss, of one row
            return
        yield _one_logit(look, "the softmax of one number is 1: the loss is always 0, and so is its gradient")


def _one_logit(look: Look, why: str) -> Suspicion:
    return Suspicion(
        "XE301", "error", "input must have two classes or more; got one",
        f"input of shape {tuple(look.call.input.shape)}"
        + (f", {look.origin} → {look.call.function}" if look.origin.chain else ""),
        why, "use binary_cross_entropy_with_logits for one logit, or a head with two outputs", {"n_classes": 1.0}, True,
    )  # fmt: skip
