"""XE304: a softmax or a sigmoid on the target."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import LOG_PROBABILITIES, PROBABILITIES, Tensor

RULE = Rule(
    code="XE304",
    name="activation-on-target",
    severity="error",
    finds="A softmax or a sigmoid is applied to labels before they are handed to the loss as its target.",
    why="""\
Labels are probabilities already. A softmax turns a one-hot row of 10 classes into .232 for the right class and .085 for
each other one. The network is then asked to say .232 at most, and the whole way from chance to perfect is 2.303 to
2.229 nats: a loss that moves by .073 and looks stuck.

A sigmoid turns the labels 0 and 1 into .5 and .731. The best answer to a negative row is then p = .5, no row is ever
asked to fall below it, and the loss cannot fall below .693 for negative rows and .582 for positive ones.

Activations belong to the prediction. Hand the labels over as they are.""",
    bad="""\
import torch
import torch.nn.functional as F
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
criterion = nn.CrossEntropyLoss()


def step(images, labels):
    target = F.one_hot(labels, 10).float()
    return criterion(model(images), torch.softmax(target, dim=1))
""",
    good="""\
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
criterion = nn.CrossEntropyLoss()


def step(images, labels):
    return criterion(model(images), labels)
""",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss, whose targets are class indices or class probabilities",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
    ),
    unsure="""\
A softmax over a teacher's logits is a proper soft target (distillation) and is not reported: only values that are known
to be labels are.""",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Labels through an activation → a loss."""
    y = event.target
    if (
        event.loss.family == "kl"
        or not isinstance(y, Tensor)
        or y.kind not in PROBABILITIES | LOG_PROBABILITIES
        or "of labels" not in y.marks
    ):
        return None
    return Verdict(
        f"the labels went through an activation before {event.loss.name}: 0 and 1 became .5 and .731", y.trail
    )
