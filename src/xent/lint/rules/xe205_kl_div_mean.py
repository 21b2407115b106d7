"""XE205: KLDivLoss that divides by the number of elements."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.frameworks.losses import reduction
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._losses import option_set

RULE = Rule(
    code="XE205",
    name="kl-div-mean",
    severity="warning",
    finds='KLDivLoss has `reduction="mean"`, which is the default and divides by the number of elements, not of rows.',
    why="""\
A divergence is a sum over the classes. `"mean"` divides the sum over all N·K elements by N·K, so that the loss and its
gradient are K times smaller than the mean divergence of a row: 10 times with 10 classes, 1,000 times with 1,000.

Alone, that only changes the learning rate. Beside another loss it changes the task: in `.5 * ce + .5 * kd` with 1,000
classes the distillation has the weight .0005, so that the teacher is not heard. And the number that is logged is not a
divergence in nats.

PyTorch warns of it at the first call. `reduction="batchmean"` is the divergence.""",
    bad="""\
import torch
import torch.nn.functional as F
from torch import nn

student = nn.Linear(784, 10)
teacher = nn.Linear(784, 10)
criterion = nn.KLDivLoss()


def step(images):
    with torch.no_grad():
        target = F.softmax(teacher(images), dim=1)
    return criterion(F.log_softmax(student(images), dim=1), target)
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
    fix='`--unsafe-fixes` sets `reduction="batchmean"`.',
    references=(
        Reference(
            "PyTorch: kl_div, “reduction = 'mean' doesn’t return the true kl divergence value”",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.kl_div.html",
        ),
    ),
    unsure="""\
`"batchmean"` divides by the first axis alone. For (N, T, K) flatten to (N·T, K) first, or the loss grows with T. A
weight that was tuned with `"mean"` is to be divided by K when this is mended.""",
)

_KL = {"torch.nn.KLDivLoss": 0, "torch.nn.functional.kl_div": 2}


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Report a divergence averaged over entries."""
    if (
        event.loss.family != "kl"
        or event.loss.library != "torch"
        or "size_average" in event.options
        or "reduce" in event.options
    ):
        return None
    if reduction(event) != "mean":
        return None
    said = "reduction='mean'" if "reduction" in event.options else "its default, reduction='mean',"
    return Verdict(
        f"{event.loss.name} with {said} divides by rows × classes, not by rows: say reduction='batchmean'",
        fix=option_set(event, _KL, "reduction", '"batchmean"'),
    )
