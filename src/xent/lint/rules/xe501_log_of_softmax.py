"""XE501: the logarithm of a softmax."""

from xent.lint.events import Logarithm
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._stable import log_softmax
from xent.lint.values import Kind

RULE = Rule(
    code="XE501",
    name="log-of-softmax",
    severity="warning",
    finds="The logarithm of a softmax is taken in two steps instead of by log_softmax.",
    why="""\
The softmax rounds small probabilities to 0, and ln 0 is −∞. In float32 that happens when a logit lies 104 below the
largest, in float16 at 17.4. The loss is then infinite. The gradient is lost earlier, from 88.8 (11.1 in float16) on,
where 1/p is beyond the largest number: it is NaN or infinite, and after one step the weights are too. One mislabelled
row is enough, once the network has grown sure.

`log_softmax` subtracts the log-sum-exp and never leaves the log scale: it returns −104, and the gradient of the loss is
−1. It is also one pass over the logits instead of two.""",
    bad="""\
import torch
import torch.nn.functional as F
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def step(images, labels):
    log_probs = torch.log(torch.softmax(model(images), dim=1))
    return F.nll_loss(log_probs, labels)
""",
    good="""\
import torch.nn.functional as F
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def step(images, labels):
    log_probs = F.log_softmax(model(images), dim=1)
    return F.nll_loss(log_probs, labels)
""",
    fix="`--fix` writes `log_softmax`.",
    references=(
        Reference(
            "PyTorch: log_softmax",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html",
        ),
        Reference(
            "Blanchard, Higham and Higham (2021), Accurately computing the log-sum-exp and softmax functions",
            "https://doi.org/10.1093/imanum/draa038",
        ),
    ),
)


@RULE.on(Logarithm)
def check(event: Logarithm, seen: Seen) -> Verdict | None:
    """log(softmax)."""
    if event.of.kind is not Kind.SOFTMAX or event.of.softened or event.of.marks & {"classical", "bounded"}:
        return None
    return Verdict(
        "log(softmax(x)) is −inf where the probability rounds to 0: log_softmax(x) is exact everywhere",
        event.of.trail,
        fix=log_softmax(event),
    )
