"""XE301: softmax or cross-entropy over a class axis of size 1."""

from xent.lint.rule import Reference, Rule

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
