"""XE301: softmax or cross-entropy over a class axis of size 1."""

from xent.lint.events import Activation, LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Kind, Tensor

RULE = Rule(
    code="XE301",
    name="one-logit-softmax",
    severity="error",
    finds="A softmax or a softmax cross-entropy is applied to a single logit.",
    why="""\
A softmax over one class is 1, whatever the logit. The cross-entropy is exactly 0 from the first step, for either label,
and so is its gradient: nothing is trained, and the loss looks perfect.

With class indices PyTorch stops at the first label 1, which is out of bounds. With float targets of shape (N, 1) it
stays silent. A softmax over one unit before `BCELoss` predicts 1 for every row: each negative row costs 100 nats, where
PyTorch bounds its logarithm, and the gradient is 0 all the same.

One logit for two classes goes with a sigmoid: `BCEWithLogitsLoss`. Or give the head two outputs and keep the
cross-entropy, with class indices.""",
    bad="""\
from torch import nn

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.CrossEntropyLoss()


def step(features, labels):
    return criterion(model(features), labels.float().unsqueeze(1))
""",
    good="""\
from torch import nn

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()


def step(features, labels):
    return criterion(model(features), labels.float().unsqueeze(1))
""",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss, for C classes",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
        Reference(
            "PyTorch: BCEWithLogitsLoss, for one logit",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html",
        ),
    ),
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """One logit → a loss over classes, or a softmax over one class → any loss."""
    x, loss = event.prediction, event.loss
    if not isinstance(x, Tensor) or x.n_classes != 1 or x.marks & {"squeezed", "flat", "column"}:
        return None
    over_one = (
        x.kind in (Kind.SOFTMAX, Kind.LOG_SOFTMAX)
        and x.axis in (-1, 1, None)
        and (x.class_axis, x.axis, x.rank) != (-1, 1, 3)
    )
    if over_one or (
        loss.family == "softmax"
        and loss.takes == "logits"
        and x.kind in (Kind.LOGITS, Kind.RELU, Kind.CLIPPED, Kind.SIGMOID)
    ):
        return Verdict(
            "a softmax over one class is always 1: the loss says nothing of the input, and nothing is learned", x.trail
        )
    if loss.library == "keras" and loss.family == "softmax":
        return Verdict(f"{loss.name} over one unit compares a class with itself: nothing is learned", x.trail)
    return None


@RULE.on(Activation)
def of_one(event: Activation, seen: Seen) -> Verdict | None:
    """Report a softmax over the last axis, which has one entry."""
    x = event.given
    if (
        event.name not in ("softmax", "log_softmax")
        or not isinstance(x, Tensor)
        or x.n_classes != 1
        or "squeezed" in x.marks
    ):
        return None
    if (
        x.kind is not Kind.LOGITS
        or x.class_axis != -1
        or not (event.axis == -1 or (x.rank is not None and event.axis == x.rank - 1))
    ):
        return None
    return Verdict("a softmax over one class is always 1, whatever the input", x.trail)
