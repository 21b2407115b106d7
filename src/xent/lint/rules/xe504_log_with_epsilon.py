"""XE504: a small number is added to a probability before its logarithm."""

from xent.lint.events import Logarithm
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict

RULE = Rule(
    code="XE504",
    name="log-with-epsilon",
    severity="info",
    finds="A small number is added to a softmax or a sigmoid before its logarithm is taken.",
    why="""\
It keeps the loss finite, and it stops the rows that need teaching most. With ε = 1e-8 no row costs more than −ln 1e-8 =
18.4 nats, and the gradient is multiplied by p/(p + ε): at a logit of −30 it is .0000094 instead of 1. Such a row is
never learnt. Clamping p to ε instead makes the gradient exactly 0.

In float16 the number 1e-8 is 0, so that log(p + 1e-8) protects nothing under half precision.

The logits are at hand, so nothing need be added: `log_softmax` and `logsigmoid` are finite and exact for all of
them.""",
    bad="""\
import torch
from torch import nn

users = nn.Embedding(1000, 32)
items = nn.Embedding(5000, 32)


def step(user, bought, other):
    margin = (users(user) * (items(bought) - items(other))).sum(dim=1)
    p = torch.sigmoid(margin)
    return -torch.log(p + 1e-8).mean()
""",
    good="""\
import torch.nn.functional as F
from torch import nn

users = nn.Embedding(1000, 32)
items = nn.Embedding(5000, 32)


def step(user, bought, other):
    margin = (users(user) * (items(bought) - items(other))).sum(dim=1)
    return -F.logsigmoid(margin).mean()
""",
    references=(
        Reference(
            "PyTorch: log_softmax",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.log_softmax.html",
        ),
        Reference(
            "PyTorch: logsigmoid",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.logsigmoid.html",
        ),
    ),
    unsure="""\
In an entropy the term is p ln(p + ε), and p makes up for the lost gradient; there the number is harmless in float32.
Where only probabilities are at hand and no logits, adding a small number is the best that can be done.""",
)


@RULE.on(Logarithm)
def check(event: Logarithm, seen: Seen) -> Verdict | None:
    """log(p + ε), or of p clamped."""
    if not event.of.softened or "classical" in event.of.marks:
        return None
    if not event.traced or event.of.detached is not None:
        return None  # there is no gradient to lose
    return Verdict(
        "a small constant keeps the logarithm finite and stops its gradient where p is smallest: "
        "log_softmax or logsigmoid of the logits needs none",
        event.of.trail,
    )
