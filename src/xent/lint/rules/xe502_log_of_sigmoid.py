"""XE502: the logarithm of a sigmoid."""

from xent.lint.events import Logarithm
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._stable import log_sigmoid
from xent.lint.values import Kind

RULE = Rule(
    code="XE502",
    name="log-of-sigmoid",
    severity="warning",
    finds="The logarithm of a sigmoid is taken in two steps instead of by logsigmoid.",
    why="""\
From a logit of −88.8 down the sigmoid is 0 in float32, from −17.4 in float16. The logarithm is then −∞ and the gradient
NaN; in float16 the gradient is infinite from −11.1 on. After one step the weights are no numbers either. One row that
is badly wrong, or mislabelled, is enough.

`logsigmoid(x)` is −ln(1 + e^−x) computed without leaving the log scale: −100 at x = −100, with a gradient of 1. For a
binary loss `BCEWithLogitsLoss` does all of it.""",
    bad="""\
import torch
from torch import nn

scorer = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


def ranking_loss(preferred, rejected):
    margin = scorer(preferred) - scorer(rejected)
    return -torch.log(torch.sigmoid(margin)).mean()
""",
    good="""\
import torch.nn.functional as F
from torch import nn

scorer = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 1))


def ranking_loss(preferred, rejected):
    margin = scorer(preferred) - scorer(rejected)
    return -F.logsigmoid(margin).mean()
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
    """log(sigmoid)."""
    if event.of.kind is not Kind.SIGMOID or event.of.softened or "classical" in event.of.marks:
        return None
    return Verdict(
        "log(sigmoid(x)) is −inf where the probability rounds to 0: logsigmoid(x) is exact everywhere",
        event.of.trail,
        fix=log_sigmoid(event),
    )
