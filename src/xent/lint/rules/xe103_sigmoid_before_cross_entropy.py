"""XE103: sigmoid before a softmax cross-entropy."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._activations import activation_removed
from xent.lint.rules._words import floor
from xent.lint.values import Kind, Tensor

RULE = Rule(
    code="XE103",
    name="sigmoid-before-cross-entropy",
    severity="error",
    finds="Outputs of a sigmoid are handed to a softmax cross-entropy that expects logits.",
    why="""\
The loss sees “logits” that all lie in [0, 1], so that its softmax can never say more than e/(e + K − 1) for one class:
with 10 classes the loss cannot fall below ln(e + 9) − 1 = 1.461 nats, with 2 classes not below .313. The gradient
carries one more factor s(1 − s), at most 1/4, which vanishes where a sigmoid is saturated.

The two also contradict each other. A sigmoid for each class says that several classes, or none, may hold; the
cross-entropy says that exactly one does. If one class holds, hand over the logits as they are. If several may, use
`BCEWithLogitsLoss` on the logits, with a 0/1 target for each class.""",
    bad="""\
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10), nn.Sigmoid())
criterion = nn.CrossEntropyLoss()


def step(images, labels):
    return criterion(model(images), labels)


def predict(images):
    return model(images).argmax(dim=1)
""",
    good="""\
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
criterion = nn.CrossEntropyLoss()


def step(images, labels):
    return criterion(model(images), labels)


def predict(images):
    return model(images).argmax(dim=1)
""",
    fix="`--unsafe-fixes` removes the sigmoid where the file shows no use of its result but the loss.",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss, “The input is expected to contain the unnormalized logits for each class”",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
        Reference(
            "PyTorch: BCEWithLogitsLoss, for classes that may hold together",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html",
        ),
    ),
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Sigmoid → a torch loss of logits that applies softmax."""
    x, loss = event.prediction, event.loss
    if loss.takes != "logits" or loss.family != "softmax" or loss.library != "torch":
        return None
    if not isinstance(x, Tensor) or x.kind is not Kind.SIGMOID:
        return None
    return Verdict(
        f"{loss.name} applies softmax itself, and gets probabilities of a sigmoid{floor(x)}",
        x.trail,
        fix=activation_removed(event, seen, Kind.SIGMOID),
    )
