"""XE107: log_softmax before a cross-entropy that applies its own."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._activations import idempotent_removed
from xent.lint.values import Kind, Tensor

RULE = Rule(
    code="XE107",
    name="log-softmax-before-cross-entropy",
    severity="info",
    finds="Log-probabilities of a log_softmax are handed to a cross-entropy that applies its own.",
    why="""\
This is harmless. log_softmax is idempotent: exp of its output sums to 1, so that the second one subtracts ln 1 = 0 and
returns what it was given. The loss and its gradient are the same to rounding, with class weights, label smoothing and
ignored rows too.

It is worth knowing for two reasons. The second pass over the (N, K) array costs time and memory for nothing. And the
next reader cannot tell which was meant: `NLLLoss`, which wants log-probabilities, or `CrossEntropyLoss`, which wants
logits. Say one of the two.""",
    bad="""\
import torch.nn.functional as F
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(dim=1))


def step(images, labels):
    return F.cross_entropy(model(images), labels)
""",
    good="""\
import torch.nn.functional as F
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def step(images, labels):
    return F.cross_entropy(model(images), labels)


def log_probs(images):
    return F.log_softmax(model(images), dim=1)
""",
    fix="`--fix` removes a log_softmax in the call of the loss, `--unsafe-fixes` elsewhere too where the file shows no "
    "use of its result but the loss.",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss, equal to LogSoftmax followed by NLLLoss",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
    ),
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """log_softmax → a loss that applies its own: the same value, computed twice."""
    x, loss = event.prediction, event.loss
    if (
        loss.takes != "logits"
        or loss.family != "softmax"
        or not isinstance(x, Tensor)
        or x.kind is not Kind.LOG_SOFTMAX
    ):
        return None
    return Verdict(
        f"{loss.name} applies log_softmax itself: doing it before changes nothing but the time it takes",
        x.trail,
        fix=idempotent_removed(event, seen),
    )
