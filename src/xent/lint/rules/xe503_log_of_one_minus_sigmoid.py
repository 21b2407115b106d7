"""XE503: the logarithm of one minus a sigmoid."""

from xent.lint.events import Logarithm
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._stable import log_sigmoid
from xent.lint.values import Kind

RULE = Rule(
    code="XE503",
    name="log-of-one-minus-sigmoid",
    severity="warning",
    finds="log(1 − sigmoid(x)) is computed as it is written instead of as logsigmoid(−x).",
    why="""\
This fails at ordinary logits. Close to 1 a float32 has steps of 6e-8, so that from x = 16.7 on the sigmoid is exactly
1, the difference 0, the logarithm −∞ and the gradient NaN. In float16 it is x = 8.4, in bfloat16 6.3.

Digits are lost before that: at x = 15 the float32 result is −14.84 instead of −15.00.

1 − σ(x) = σ(−x), so that `logsigmoid(-x)` is the same number, exact for every x. For a binary loss `BCEWithLogitsLoss`
does both halves.""",
    bad="""\
import torch
import torch.nn.functional as F
from torch import nn

critic = nn.Sequential(nn.Linear(64, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))


def critic_loss(real, fake):
    real_loss = -F.logsigmoid(critic(real)).mean()
    fake_loss = -torch.log(1 - torch.sigmoid(critic(fake))).mean()
    return real_loss + fake_loss
""",
    good="""\
import torch.nn.functional as F
from torch import nn

critic = nn.Sequential(nn.Linear(64, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1))


def critic_loss(real, fake):
    real_loss = -F.logsigmoid(critic(real)).mean()
    fake_loss = -F.logsigmoid(-critic(fake)).mean()
    return real_loss + fake_loss
""",
    fix="`--fix` writes the library's log-sigmoid where an import gives a name for it.",
    references=(
        Reference(
            "PyTorch: logsigmoid",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.logsigmoid.html",
        ),
        Reference(
            "TensorFlow: sigmoid_cross_entropy_with_logits, which derives the stable form",
            "https://www.tensorflow.org/api_docs/python/tf/nn/sigmoid_cross_entropy_with_logits",
        ),
    ),
)


@RULE.on(Logarithm)
def check(event: Logarithm, seen: Seen) -> Verdict | None:
    """log(1 − sigmoid)."""
    if event.of.kind is not Kind.NOT_SIGMOID or event.of.softened or "classical" in event.of.marks:
        return None
    return Verdict(
        "log(1 − sigmoid(x)) is −inf from x = 17 on in float32: logsigmoid(−x) is exact everywhere",
        event.of.trail,
        fix=log_sigmoid(event),
    )
