"""XE305: class indices as the target of a binary cross-entropy."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Const, Kind, Tensor

RULE = Rule(
    code="XE305",
    name="class-index-to-bce",
    severity="error",
    finds="Class indices beyond 0 and 1 are the target of BCEWithLogitsLoss, which expects probabilities.",
    why="""\
The loss of one logit is ln(1 + e^z) − y z. For y > 1 it has no lower bound: with the label 3 it is −20 at z = 10, and
its gradient σ(z) − 3 lies between −3 and −2 whatever z is. Those rows pull the logit up for ever, at least twice as
hard as a positive row that is wholly misjudged.

PyTorch does not check the target of `BCEWithLogitsLoss`. A loss below 0 is the mark of this mistake.

Classes that exclude each other need one logit each and `CrossEntropyLoss`, which takes the indices. Labels that may
hold together need a 0/1 column each.""",
    bad="""\
import torch
from torch import nn

N_CLASSES = 5
features = torch.randn(256, 30)
labels = torch.randint(0, N_CLASSES, (256,))

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()


def step():
    return criterion(model(features), labels.float().unsqueeze(1))
""",
    good="""\
import torch
from torch import nn

N_CLASSES = 5
features = torch.randn(256, 30)
labels = torch.randint(0, N_CLASSES, (256,))

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, N_CLASSES))
criterion = nn.CrossEntropyLoss()


def step():
    return criterion(model(features), labels)
""",
    references=(
        Reference(
            "PyTorch: BCEWithLogitsLoss, whose targets are numbers between 0 and 1",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html",
        ),
    ),
    unsure="Indices of two classes, 0 and 1, are right with one logit.",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Class indices → a loss for yes and no."""
    y, loss = event.target, event.loss
    if loss.family != "sigmoid" or not isinstance(y, Tensor) or y.kind is not Kind.INDEX:
        return None
    classes = y.classes.value if isinstance(y.classes, Const) else None
    if isinstance(classes, int) and classes <= 2:
        return None
    return Verdict(f"{loss.name} takes 0, 1 or a probability for each class, and gets class indices", y.trail)
