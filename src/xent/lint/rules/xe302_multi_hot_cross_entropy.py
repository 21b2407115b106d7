"""XE302: a multi-hot target for a softmax cross-entropy."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Kind, Tensor

RULE = Rule(
    code="XE302",
    name="multi-hot-cross-entropy",
    severity="error",
    finds="A target with several ones in a row is handed to a softmax cross-entropy, which expects one class or "
    "probabilities.",
    why="""\
The softmax shares one unit of probability among all classes, so that the labels of a row compete. For a row with m
labels the loss is −Σ ln p over them; its best is p = 1/m for each, at m ln m nats: 1.386 for two labels, 3.296 for
three. It never reaches 0, and rows with many labels outweigh the others.

At that best no label passes a threshold of .5 once a row has two of them, and the number of labels cannot be read off
the probabilities. A row without labels costs 0 and teaches nothing: that nothing holds is never learnt.

Several labels a row are K yes-or-no questions: `BCEWithLogitsLoss` on the same logits.""",
    bad="""\
import torch.nn.functional as F
from torch import nn

N_TAGS = 20
model = nn.Sequential(nn.Linear(300, 64), nn.ReLU(), nn.Linear(64, N_TAGS))
criterion = nn.CrossEntropyLoss()


def step(features, tags):  # tags: the indices of three tags for each row, (N, 3)
    target = F.one_hot(tags, N_TAGS).amax(dim=1).float()
    return criterion(model(features), target)
""",
    good="""\
import torch.nn.functional as F
from torch import nn

N_TAGS = 20
model = nn.Sequential(nn.Linear(300, 64), nn.ReLU(), nn.Linear(64, N_TAGS))
criterion = nn.BCEWithLogitsLoss()


def step(features, tags):  # tags: the indices of three tags for each row, (N, 3)
    target = F.one_hot(tags, N_TAGS).amax(dim=1).float()
    return criterion(model(features), target)
""",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss, whose targets are class indices or class probabilities",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
        Reference(
            "PyTorch: BCEWithLogitsLoss, for several labels a row",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html",
        ),
    ),
    unsure="""\
A multi-hot row divided by its number of labels is a distribution, and some train rankings and tags that way on purpose.
It is not reported.""",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Multi-hot rows → a loss for one class of several."""
    x, y, loss = event.prediction, event.target, event.loss
    if loss.family != "softmax" or loss.takes == "probs":
        return None
    if isinstance(y, Tensor) and y.kind is Kind.MULTI_HOT:
        return Verdict(
            f"{loss.name} expects one class a row, and gets multi-hot rows: classes compete that may be true together",
            y.trail,
        )
    if isinstance(x, Tensor) and x.kind is Kind.LOGITS and x.n_classes != 1 and x.origin in seen.thresholded:
        use = seen.thresholded[x.origin]
        line = use.module.place(use.node).line
        return Verdict(
            f"{loss.name} trains one class of several, but line {line} reads each class by itself through a sigmoid: "
            "several labels?",
            x.trail,
        )
    return None
