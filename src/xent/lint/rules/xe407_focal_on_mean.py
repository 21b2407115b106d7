"""XE407: the focal factor is applied to a loss that is already averaged."""

from xent.lint.events import Exponential
from xent.lint.evidence import Seen
from xent.lint.frameworks.losses import reduction
from xent.lint.rule import Reference, Rule, Verdict

RULE = Rule(
    code="XE407",
    name="focal-on-mean",
    severity="error",
    finds="The focal factor (1 − p)^γ is computed from the mean loss of a batch instead of row by row.",
    why="""\
Focal loss turns down the rows that are easy. `exp(-ce)` of an averaged loss is one number for the batch, the geometric
mean of its probabilities: every row gets the same factor, easy and hard stand to each other as in plain cross-entropy,
and what is left is a learning rate that falls as the batch gets better.

Nine rows with p = .99 and one with p = .01, γ = 2: row by row the easy ones have the factor .0001 and the hard one
.980, and the loss is .451. From the mean all ten have the factor .140, and the loss is .066: the one hard row is turned
down sevenfold.

Compute the loss with `reduction="none"`, apply the factor, then take the mean.""",
    bad="""\
import torch
import torch.nn.functional as F
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def focal_loss(logits, labels, gamma=2.0):
    ce = F.cross_entropy(logits, labels)
    p = torch.exp(-ce)
    return (1 - p) ** gamma * ce


def step(images, labels):
    return focal_loss(model(images), labels)
""",
    good="""\
import torch
import torch.nn.functional as F
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def focal_loss(logits, labels, gamma=2.0):
    ce = F.cross_entropy(logits, labels, reduction="none")
    p = torch.exp(-ce)
    return ((1 - p) ** gamma * ce).mean()


def step(images, labels):
    return focal_loss(model(images), labels)
""",
    references=(
        Reference(
            "Lin et al. (2017), Focal Loss for Dense Object Detection",
            "https://arxiv.org/abs/1708.02002",
        ),
    ),
    unsure="""\
With class weights `exp(-ce)` is no probability even row by row: it is p to the power of the weight. Take p from the
unweighted loss.""",
)


@RULE.on(Exponential)
def check(event: Exponential, seen: Seen) -> Verdict | None:
    """exp(−loss) of an averaged loss: no row's probability."""
    loss = event.loss
    if (
        "negated" not in loss.marks
        or "averaged" not in loss.marks
        or loss.call is None
        or loss.call.loss.family not in ("softmax", "sigmoid")
    ):
        return None
    if "averaged" not in loss.marks and reduction(loss.call) == "none":
        return None
    place = loss.call
    return Verdict(
        f"{place.loss.name} is averaged over rows already, so exp(−loss) is no row's probability: say reduction='none'",
        loss.trail,
        node=place.node,
        module=place.module,
    )
