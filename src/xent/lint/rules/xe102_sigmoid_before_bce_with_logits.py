"""XE102: sigmoid before a binary cross-entropy that applies its own."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._activations import activation_removed
from xent.lint.values import PROBABILITIES, Kind, Tensor

RULE = Rule(
    code="XE102",
    name="sigmoid-before-bce-with-logits",
    severity="error",
    finds="Probabilities of a sigmoid are handed to a binary cross-entropy that expects logits and applies its own "
    "sigmoid.",
    why="""\
The loss then sees “logits” that lie in [0, 1], and the probability that it scores lies between .5 and .731. A negative
row cannot cost less than ln 2 = .693 nats and a positive one not less than ln(1 + 1/e) = .313. The gradient carries
one more factor p(1 − p), at most 1/4, which vanishes where the network is confidently wrong.

Nothing fails, but the outputs stop being probabilities: for a row that is positive with probability q the best output
is 0 up to q = .5 and 1 from q = .731 on. And whoever reads the predictions as the loss does, through a second sigmoid,
with a threshold of .5 calls every row positive.""",
    bad="""\
import torch
from torch import nn


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(30, 16)
        self.head = nn.Linear(16, 1)

    def forward(self, features):
        return torch.sigmoid(self.head(torch.relu(self.hidden(features))))


model = Detector()
criterion = nn.BCEWithLogitsLoss()


def step(features, labels):
    return criterion(model(features).squeeze(1), labels.float())
""",
    good="""\
import torch
from torch import nn


class Detector(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(30, 16)
        self.head = nn.Linear(16, 1)

    def forward(self, features):
        return self.head(torch.relu(self.hidden(features)))


model = Detector()
criterion = nn.BCEWithLogitsLoss()


def step(features, labels):
    return criterion(model(features).squeeze(1), labels.float())


def predict(features):
    return torch.sigmoid(model(features).squeeze(1))
""",
    fix="`--unsafe-fixes` removes the sigmoid where the file shows no use of its result but the loss.",
    references=(
        Reference(
            "PyTorch: BCEWithLogitsLoss, a sigmoid and the binary cross-entropy in one class",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html",
        ),
    ),
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Sigmoid → a torch loss of logits that applies its own."""
    x, loss = event.prediction, event.loss
    if loss.takes != "logits" or loss.family != "sigmoid" or loss.library != "torch":
        return None
    if not isinstance(x, Tensor) or x.kind not in PROBABILITIES:
        return None
    return Verdict(
        f"{loss.name} applies sigmoid itself, and gets {x.kind.value}: it cannot say less than .5 of any class",
        x.trail,
        fix=activation_removed(event, seen, Kind.SIGMOID),
    )
