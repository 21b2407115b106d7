"""XE405: weight where pos_weight is meant."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._losses import option_renamed
from xent.lint.values import Link, Object, Seq, constant

RULE = Rule(
    code="XE405",
    name="weight-for-pos-weight",
    severity="warning",
    finds="A binary cross-entropy is given one constant weight, which scales positive and negative rows alike.",
    why="""\
`weight=torch.tensor([9.0])` multiplies the whole loss by 9. Positives and negatives stand to each other as before, so
the optimum does not move: a row that is positive with probability .1 is still best answered with .1. The only effect is
that of a learning rate nine times as high, and with Adam hardly that.

`pos_weight=torch.tensor([9.0])` multiplies the positive term alone. The best answer becomes w p/(w p + 1 − p): with
p = .1 and w = 9 it is .5.""",
    bad="""\
import torch
from torch import nn

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss(weight=torch.tensor([9.0]))  # nine negatives to a positive


def step(features, labels):
    return criterion(model(features).squeeze(1), labels.float())
""",
    good="""\
import torch
from torch import nn

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([9.0]))  # nine negatives to a positive


def step(features, labels):
    return criterion(model(features).squeeze(1), labels.float())
""",
    fix="`--unsafe-fixes` gives the weight to `pos_weight`.",
    references=(
        Reference(
            "PyTorch: BCEWithLogitsLoss, its weight and its pos_weight",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html",
        ),
    ),
    unsure="""\
A weight for each row or each label column is what `weight` is for and is not reported. Weighted positives make the
outputs too high as probabilities; undo it before they are read, or move the threshold instead.""",
)

_BCE = {"torch.nn.BCEWithLogitsLoss": 0, "torch.nn.functional.binary_cross_entropy_with_logits": 2}


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """One number as the weight of both answers."""
    weight = event.options.get("weight")
    if (
        event.loss.family != "sigmoid"
        or event.loss.takes != "logits"
        or not isinstance(weight, Object)
        or weight.name != "?numbers"
    ):
        return None
    numbers = weight.args[0]
    items = numbers.items if isinstance(numbers, Seq) else (numbers,)
    if (isinstance(numbers, Seq) and not numbers.exact) or len(items) != 1 or constant(items[0]) in (1, 1.0):
        return None
    trail = Link("one weight for all", weight.module, weight.node)
    return Verdict(
        f"weight scales the loss of both answers alike; to weigh the positives {event.loss.name} has pos_weight",
        trail,
        fix=option_renamed(event, _BCE, "weight", "pos_weight"),
    )
