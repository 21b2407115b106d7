"""XE106: a ReLU or another bound between the last layer and the cross-entropy."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Kind, Tensor

RULE = Rule(
    code="XE106",
    name="clipped-logits",
    severity="warning",
    finds="A ReLU, a tanh or a clamp stands between the last layer and a cross-entropy.",
    why="""\
A logit must be able to go down as well as up. After a ReLU no class can be ruled out: every wrong class keeps e⁰ in the
sum, so that a logit z of the right class gives it at most e^z/(e^z + K − 1). With 1,000 classes and z = 5 that is .129;
logits that may go to −5 for the others give .957.

A ReLU that is off passes no gradient. A row whose own class is off can no longer raise it, and where all K are off the
row costs ln K (2.303 for 10 classes) and teaches nothing.

A bound on both sides sets a floor to the loss. After a tanh the right class of 10 gets at most .451, a loss of .797
nats or more; of 1,000 classes a loss of 4.914. `clamp(0, 6)`, a ReLU6, cannot get below 1.246 with 1,000 classes.""",
    bad="""\
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 128)
        self.head = nn.Linear(128, 10)

    def forward(self, images):
        x = torch.relu(self.hidden(images.flatten(1)))
        return torch.relu(self.head(x))


model = Classifier()
criterion = nn.CrossEntropyLoss()


def step(images, labels):
    return criterion(model(images), labels)
""",
    good="""\
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(784, 128)
        self.head = nn.Linear(128, 10)

    def forward(self, images):
        x = torch.relu(self.hidden(images.flatten(1)))
        return self.head(x)


model = Classifier()
criterion = nn.CrossEntropyLoss()


def step(images, labels):
    return criterion(model(images), labels)
""",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss, logits “do not need to be positive or sum to 1, in general”",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
        Reference(
            "Lu et al. (2019), Dying ReLU and Initialization: Theory and Numerical Examples",
            "https://arxiv.org/abs/1903.06733",
        ),
    ),
    unsure="""\
A soft cap, `c * tanh(logits / c)`, with c in the tens bounds the logits so far out that it costs nothing, and is meant.
It is not reported, and neither are cosine similarities that a temperature scales after the bound.""",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """ReLU, tanh or a narrow clamp → a loss of logits."""
    x, loss = event.prediction, event.loss
    if isinstance(x, Tensor) and x.kind is Kind.LOG_SOFTMAX and loss.takes == "log_probs" and "of ReLU" in x.marks:
        return Verdict(f"{loss.name} gets the log_softmax of what a ReLU cut off: no class can be unlikely", x.trail)
    if loss.takes != "logits" or not isinstance(x, Tensor) or x.kind not in (Kind.RELU, Kind.CLIPPED):
        return None
    what = (
        "no class can be said to be unlikely"
        if x.kind is Kind.RELU
        else "the loss cannot fall to what the labels allow"
    )
    return Verdict(f"{loss.name} takes logits of any size, and gets {x.kind.value}: {what}", x.trail)
