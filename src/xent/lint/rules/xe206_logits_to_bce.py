"""XE206: BCELoss on raw logits."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._losses import always_gets, loss_exchanged
from xent.lint.values import Kind, Tensor

RULE = Rule(
    code="XE206",
    name="logits-to-bce",
    severity="error",
    finds="Raw logits are handed to BCELoss, which expects probabilities.",
    why="""\
PyTorch refuses the first value outside [0, 1]: on a CPU with “all elements of input should be between 0 and 1”, on a
GPU with a device-side assert, after which the process must be started anew. That may be with the first batch, or late,
when a logit first leaves [0, 1].

Until then the loss is wrong without a word. It takes the logit 0, which means p = .5, for p = 0 and charges a positive
row 100 nats, where PyTorch bounds its logarithm.

Do not silence it with `clamp(0, 1)` or a ReLU: outside the bounds the gradient is 0 and those rows are never learnt.
`BCEWithLogitsLoss` takes the logits as they are, and is exact where a sigmoid followed by BCELoss is rounded to 0 or
1.""",
    bad="""\
from torch import nn

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCELoss()


def step(features, labels):
    return criterion(model(features).squeeze(1), labels.float())
""",
    good="""\
from torch import nn

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()


def step(features, labels):
    return criterion(model(features).squeeze(1), labels.float())
""",
    fix="`--unsafe-fixes` takes the loss of logits in its place, if it gets nothing but logits.",
    references=(
        Reference(
            "PyTorch: BCELoss, whose logarithms are clamped at −100",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCELoss.html",
        ),
        Reference(
            "PyTorch: BCEWithLogitsLoss, more stable than a sigmoid followed by BCELoss",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html",
        ),
    ),
)

_WITH_LOGITS = {
    "torch.nn.BCELoss": "BCEWithLogitsLoss",
    "torch.nn.functional.binary_cross_entropy": "binary_cross_entropy_with_logits",
}


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Raw logits → a loss of probabilities."""
    x, loss = event.prediction, event.loss
    if loss.takes != "probs" or loss.library not in ("torch", "tf", "sklearn"):
        return None
    if not isinstance(x, Tensor) or x.kind not in (Kind.LOGITS, Kind.RELU, Kind.LOG_SIGMOID, Kind.LOG_SOFTMAX):
        return None
    only_logits = always_gets(event, seen, frozenset({Kind.LOGITS})) and x.kind is Kind.LOGITS
    fix = loss_exchanged(event, _WITH_LOGITS) if only_logits else None
    return Verdict(f"{loss.name} takes probabilities, and gets {x.kind.value}", x.trail, fix=fix)
