"""XE101: softmax before a cross-entropy that applies its own."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._activations import activation_removed
from xent.lint.rules._words import floor
from xent.lint.values import Kind, Tensor

RULE = Rule(
    code="XE101",
    name="softmax-before-cross-entropy",
    severity="error",
    finds="Probabilities of a softmax are handed to a cross-entropy that expects logits and applies its own softmax.",
    why="""\
The loss then sees “logits” that all lie in [0, 1], so that its softmax can never say more than e/(e + K − 1) for one
class: with 10 classes the loss cannot fall below ln(e + 9) − 1 = 1.461 nats, however sure the network is, and the
gradient passes through two softmaxes and nearly vanishes where the network is confidently wrong.

Nothing fails. With Adam the accuracy hardly tells (.946 against .953 on a small network for digits); with plain SGD
it ruins the training (.476 against .949). The probabilities that are read later are badly calibrated in both.""",
    bad="""\
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=1))
criterion = nn.CrossEntropyLoss()


def step(images, labels):
    return criterion(model(images), labels)
""",
    good="""\
import torch
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
criterion = nn.CrossEntropyLoss()


def step(images, labels):
    return criterion(model(images), labels)


def predict(images):
    return torch.softmax(model(images), dim=1)
""",
    fix="`--unsafe-fixes` removes the softmax where the file shows no use of its result but the loss.",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss, “The input is expected to contain the unnormalized logits for each class”",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
    ),
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Softmax → a torch loss of logits."""
    x, loss = event.prediction, event.loss
    if loss.takes != "logits" or loss.family != "softmax" or loss.library not in ("torch", "skorch"):
        return None
    if not isinstance(x, Tensor) or x.kind is not Kind.SOFTMAX:
        return None
    return Verdict(
        f"{loss.name} applies softmax itself, and gets probabilities of a softmax{floor(x)}",
        x.trail,
        fix=activation_removed(event, seen, Kind.SOFTMAX),
    )
