"""XE405: weight where pos_weight is meant."""

from xent.lint.rule import Reference, Rule

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
