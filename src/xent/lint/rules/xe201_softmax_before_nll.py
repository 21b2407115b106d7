"""XE201: NLLLoss on probabilities."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.frameworks.losses import reduction
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.rules._activations import logged
from xent.lint.values import PROBABILITIES, Tensor

RULE = Rule(
    code="XE201",
    name="softmax-before-nll",
    severity="error",
    finds="Probabilities of a softmax are handed to NLLLoss, which expects log-probabilities.",
    why="""\
`NLLLoss` takes no logarithm: it picks the number at the target and turns its sign. On probabilities the loss is −p,
between −1 and 0. A loss that starts near −1/K and falls towards −1 is the mark of this mistake.

Its gradient with respect to the logits is p times that of the cross-entropy. A row whose class has p = .01 pulls with
a hundredth of the force, and with 1,000 classes every row starts at p = .001: the worst rows teach least.

It is no proper score either: for a row that is class 0 with probability .6 the best answer is to be certain of class 0,
so that the confidences which come out mean nothing.""",
    bad="""\
import torch.nn.functional as F
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(784, 10)

    def forward(self, images):
        return F.softmax(self.head(images.flatten(1)), dim=1)


model = Classifier()


def step(images, labels):
    return F.nll_loss(model(images), labels)
""",
    good="""\
import torch.nn.functional as F
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(784, 10)

    def forward(self, images):
        return F.log_softmax(self.head(images.flatten(1)), dim=1)


model = Classifier()


def step(images, labels):
    return F.nll_loss(model(images), labels)
""",
    fix="`--unsafe-fixes` writes log_softmax for softmax where the file shows no use of its result but the loss.",
    references=(
        Reference(
            "PyTorch: NLLLoss, whose input is to hold the log-probabilities of each class",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.NLLLoss.html",
        ),
        Reference(
            "Zhang and Sabuncu (2018), Generalized Cross Entropy Loss: why the loss 1 − p is slow to learn",
            "https://arxiv.org/abs/1805.07836",
        ),
    ),
    unsure="""\
skorch's classifiers take the logarithm before they call `NLLLoss`, so that a softmax is right there; it is not
reported. The loss 1 − p is sometimes meant, against wrong labels; then write it as such.""",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Probabilities → NLLLoss."""
    x, loss = event.prediction, event.loss
    if (
        loss.takes != "log_probs"
        or loss.family != "softmax"
        or not isinstance(x, Tensor)
        or x.kind not in PROBABILITIES
        or event in seen.complemented  # 1 − p, written so
    ):
        return None
    may_gather = reduction(event) == "none"  # 1 − p of each row, the weight of a focal loss
    return Verdict(
        f"{loss.name} takes log-probabilities and no logarithm itself, and gets {x.kind.value}: it trains −p",
        x.trail,
        fix=logged(event, seen) if not may_gather else None,
    )
