"""XE202: NLLLoss on raw logits."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Kind, Tensor

RULE = Rule(
    code="XE202",
    name="logits-to-nll",
    severity="error",
    finds="Raw logits are handed to NLLLoss, which expects log-probabilities.",
    why="""\
`NLLLoss` picks the number at the target and turns its sign. On logits the loss is −z, which has no lower bound, and its
gradient is −1 for the logit of the right class and 0 for all others, whatever the network says. Nothing ever pushes a
wrong class down, and a row that is long since right pulls as hard as a wrong one.

So each class rises with its frequency. Biases alone, on classes with shares .5, .3 and .2, stand at 50, 30 and 20 after
1,000 steps of SGD with a rate of .1, at a loss of −38: the most frequent class wins everywhere. A loss that falls below
0 and goes on falling is the mark of this mistake.""",
    bad="""\
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
criterion = nn.NLLLoss()


def step(images, labels):
    return criterion(model(images), labels)
""",
    good="""\
from torch import nn

model = nn.Sequential(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))
criterion = nn.CrossEntropyLoss()


def step(images, labels):
    return criterion(model(images), labels)
""",
    references=(
        Reference(
            "PyTorch: NLLLoss, whose input is to hold the log-probabilities of each class",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html",
        ),
        Reference(
            "PyTorch: CrossEntropyLoss, equal to LogSoftmax followed by NLLLoss",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
    ),
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Raw logits → NLLLoss, also skorch's."""
    x, loss = event.prediction, event.loss
    if loss.family != "softmax" or not (loss.takes == "log_probs" or loss.library == "skorch"):
        return None
    if not isinstance(x, Tensor) or x.kind not in (Kind.LOGITS, Kind.RELU, Kind.CLIPPED):
        return None
    wanted = "log-probabilities" if loss.takes == "log_probs" else "probabilities"
    return Verdict(f"{loss.name} takes {wanted}, and gets {x.kind.value}: the loss has no lower bound", x.trail)
