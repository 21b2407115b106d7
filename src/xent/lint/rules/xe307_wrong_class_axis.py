"""XE307: a softmax over the wrong axis or without one, or a view where a permute is needed."""

import ast

from xent.lint import edits
from xent.lint.events import Activation, Chosen, LossCall
from xent.lint.evidence import Seen
from xent.lint.finding import Fix
from xent.lint.names import library_name
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._activations import AXES, given
from xent.lint.values import Kind, Link, Tensor

RULE = Rule(
    code="XE307",
    name="wrong-class-axis",
    severity="error",
    finds="The class axis is not where it is taken to be: a softmax runs over another axis, names none, or a view "
    "stands where a permute is needed.",
    why="""\
**Another axis.** `softmax(logits, dim=0)` on (N, K) normalises over the batch: a row's probabilities depend on the rows
beside it, and with one row every class gets exactly 1. `dim=1` on (N, T, K) normalises over the sequence.

**No axis.** `softmax(x)` and `nn.Softmax()` choose one by the number of axes: 0 for one and three axes, 1 for two and
four. It is right for (N, K) and (N, K, H, W), and takes the batch for (N, T, K). PyTorch warns once and goes on.

**A view for a permute.** `CrossEntropyLoss` wants the classes on axis 1: (N, T, K) is to become (N, K, T). `view` and
`reshape` only cut the same memory anew. Of the 128 × 12 numbers of a sentence with T = 128 and K = 12 only 2 stay where
they belong; `reshape(-1, 21)` on one image of (1, 21, 64, 64) leaves 6 of 86,016. The shapes fit, so nothing fails, and
every token or pixel is graded on numbers that were computed for others. `permute(0, 2, 1)`, or for images
`permute(0, 2, 3, 1)` before the reshape, moves the numbers.""",
    bad="""\
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5000, 64)
        self.lstm = nn.LSTM(64, 64, batch_first=True)
        self.head = nn.Linear(64, 12)

    def forward(self, tokens):
        hidden, _ = self.lstm(self.embed(tokens))
        return self.head(hidden)  # (N, T, 12)


model = Tagger()
criterion = nn.CrossEntropyLoss()


def step(tokens, tags):
    logits = model(tokens)
    n, t, k = logits.shape
    return criterion(logits.view(n, k, t), tags)
""",
    good="""\
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5000, 64)
        self.lstm = nn.LSTM(64, 64, batch_first=True)
        self.head = nn.Linear(64, 12)

    def forward(self, tokens):
        hidden, _ = self.lstm(self.embed(tokens))
        return self.head(hidden)  # (N, T, 12)


model = Tagger()
criterion = nn.CrossEntropyLoss()


def step(tokens, tags):
    logits = model(tokens)
    return criterion(logits.permute(0, 2, 1), tags)
""",
    fix="`--unsafe-fixes` says the axis where that of the classes is known (`--fix` where PyTorch takes the same one).",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss, shapes (N, C) and (N, C, d1, …, dK)",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
        Reference(
            "PyTorch: softmax and its dim",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html",
        ),
        Reference(
            "PyTorch: permute",
            "https://docs.pytorch.org/docs/stable/generated/torch.permute.html",
        ),
    ),
    unsure="""\
A softmax over the batch, the sequence or the pixels is often meant inside a network (attention, routing, spatial
attention). Only a softmax whose output is used as class probabilities is reported. `view(-1, K)` on (N, T, K) is right:
the classes are the last axis before and after.""",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Probabilities that sum to 1 along another axis than the classes'."""
    x = event.prediction
    if event.loss.takes == "logits" or not isinstance(x, Tensor) or "wrong axis" not in x.marks:
        return None
    step: Link | None = x.trail
    while step is not None and "softmax" not in step.text.lower():
        step = step.before
    while step is not None and step.text.endswith("is made"):
        step = step.before
    axis = "the batch" if x.axis == 0 else f"axis {x.axis}"
    return Verdict(
        f"the softmax is over {axis}, and the classes are another axis: no row sums to 1",
        x.trail,
        node=step.node if step else None,
        module=step.module if step else None,
    )


@RULE.on(LossCall)
def scrambled(event: LossCall, seen: Seen) -> Verdict | None:
    """Report a view that moves the name of an axis and not its numbers."""
    step = event.prediction.scrambled if isinstance(event.prediction, Tensor) else None
    if step is None:
        return None
    message = f"{step.text}: a view mixes the scores of different rows; permute moves an axis"
    return Verdict(message, step, node=step.node, module=step.module)


@RULE.on(Activation)
def unsaid(event: Activation, seen: Seen) -> Verdict | None:
    """Report a softmax of which no axis was said."""
    if event.axis_said or event.name not in ("softmax", "log_softmax"):
        return None
    rank = event.given.rank if isinstance(event.given, Tensor) else None
    if rank in (1, 3):
        if rank == 3:
            return Verdict(
                "without dim, torch takes axis 0 of three: the softmax is over the batch",
                event.result.trail,
                fix=_axis_said(event),
            )
        return None
    return Verdict(
        "say the axis: without dim, torch guesses it from the number of axes",
        event.result.trail,
        severity="info",
        fix=_axis_said(event),
    )


@RULE.on(Chosen)
def chosen(event: Chosen, seen: Seen) -> Verdict | None:
    """Report a softmax along one axis of which the largest is chosen along another."""
    x = event.value
    if (
        x.axis is None
        or event.axis == x.axis
        or x.rank == 1
        or not ("wrong axis" in x.marks or (x.axis, event.axis) == (0, 1))
    ):
        return None
    return Verdict(
        f"the softmax is over axis {x.axis}, and the classes are chosen along axis {event.axis}: no row sums to 1",
        x.trail,
        node=x.trail.node if x.trail else None,
        module=x.trail.module if x.trail else None,
    )


@RULE.on(Activation)
def over_batch(event: Activation, seen: Seen) -> Verdict | None:
    """Report a softmax over the rows of what is known to be a table."""
    x = event.given
    if event.axis != 0 or not isinstance(x, Tensor) or x.kind is not Kind.LOGITS or (x.rank, x.class_axis) != (2, -1):
        return None
    return Verdict(
        "the softmax is over axis 0, the rows, and the classes are the last axis",
        event.result.trail,
        fix=_axis_set(event, 1),
    )


def _axis_said(event: Activation) -> Fix | None:
    """Say the axis of a softmax where it is known: the second of a table, or where the head has its classes."""
    x, made = event.given, event.result.made
    if not isinstance(x, Tensor) or made is None or made.module is not event.module:
        return None
    axis = 1 if x.rank == 2 or x.class_axis == 1 else -1 if x.class_axis == -1 else None
    if axis is None or (x.rank == 2 and x.class_axis not in (None, 1, -1)):
        return None
    call = made.node if made.how == "function" and given(made) is not None else made.layer
    if not isinstance(call, ast.Call) or len(call.args) > (call is made.node):
        return None
    if library_name(made.module, call.func).rpartition(".")[2] not in _WITH_DIM:
        return None
    safe = call is made.node and x.rank == 2  # what torch takes by itself
    return edits.fix(f"say dim={axis}", edits.with_keyword(made.module, call, "dim", str(axis)), safe)


_WITH_DIM = frozenset({"softmax", "log_softmax", "Softmax", "LogSoftmax"})


def _axis_set(event: Activation, axis: int) -> Fix | None:
    """Write another axis where the call of a softmax says one."""
    made = event.result.made
    if made is None or made.how == "layer" or given(made) is None or not isinstance(made.node, ast.Call):
        return None
    said = [keyword.value for keyword in made.node.keywords if keyword.arg in AXES]
    said += made.node.args[0 if made.how == "method" else 1 :]
    if len(said) != 1 or not isinstance(said[0], ast.Constant):
        return None
    return edits.fix(f"use axis {axis}", edits.replaced(made.module, said[0], str(axis)))
