"""XE204: KLDivLoss with probabilities where it expects their logarithms."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import PROBABILITIES, Tensor

RULE = Rule(
    code="XE204",
    name="kl-div-on-probabilities",
    severity="error",
    finds="Probabilities are the first argument of KLDivLoss, which expects log-probabilities there.",
    why="""\
PyTorch computes Σ p (ln p − input), with the target p. If the input is q and not ln q, the loss is Σ p ln p − Σ p q,
which is no divergence: its gradient with respect to q is −p whatever q is, and its minimum puts all mass on the largest
class of the target.

For a teacher p = (.6, .3, .1) a student that agrees with it has the loss −1.358 where the divergence is 0, and one that
is certain of class 0 has −1.498, which is lower. So the student unlearns what distillation is for, the ratios among the
classes. A divergence is never negative: a loss below 0 is the mark of this mistake.

The target stays a probability unless `log_target=True`.""",
    bad="""\
import torch
import torch.nn.functional as F
from torch import nn

student = nn.Linear(784, 10)
teacher = nn.Linear(784, 10)
criterion = nn.KLDivLoss(reduction="batchmean")


def step(images):
    with torch.no_grad():
        target = F.softmax(teacher(images), dim=1)
    return criterion(F.softmax(student(images), dim=1), target)
""",
    good="""\
import torch
import torch.nn.functional as F
from torch import nn

student = nn.Linear(784, 10)
teacher = nn.Linear(784, 10)
criterion = nn.KLDivLoss(reduction="batchmean")


def step(images):
    with torch.no_grad():
        target = F.softmax(teacher(images), dim=1)
    return criterion(F.log_softmax(student(images), dim=1), target)
""",
    references=(
        Reference(
            "PyTorch: KLDivLoss, which “expects the argument input in the log-space”",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.KLDivLoss.html",
        ),
        Reference(
            "Hinton et al. (2015), Distilling the Knowledge in a Neural Network",
            "https://arxiv.org/abs/1503.02531",
        ),
    ),
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Probabilities as the first argument of the divergence."""
    x, loss = event.prediction, event.loss
    if loss.family != "kl" or not isinstance(x, Tensor) or x.kind not in PROBABILITIES:
        return None
    return Verdict(f"{loss.name} takes log-probabilities first, and gets {x.kind.value}", x.trail)
