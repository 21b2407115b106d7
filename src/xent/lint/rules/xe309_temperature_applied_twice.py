"""XE309: the temperature divides the logits twice."""

from xent.lint.events import Divided
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict

RULE = Rule(
    code="XE309",
    name="temperature-applied-twice",
    severity="warning",
    finds="Logits that were divided by a temperature are divided by it again.",
    why="""\
The two divisions multiply: T acts as T². The logits (4, 0, 0) give the first class .965 at T = 1, .787 at T = 2, and
.576 at 4, which is what T = 2 applied twice does.

A temperature that was fitted for calibration is then wrong by its own factor: 1.5 becomes 2.25, and a model that was
overconfident becomes underconfident. A contrastive temperature of .07 becomes .0049, and the softmax an argmax.

Divide in one place: in the model, or where the probabilities are made.""",
    bad="""\
import torch
from torch import nn

TEMPERATURE = 1.5


class Calibrated(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(784, 10)

    def forward(self, images):
        return self.head(images.flatten(1)) / TEMPERATURE


model = Calibrated()


def predict(images):
    return torch.softmax(model(images) / TEMPERATURE, dim=1)
""",
    good="""\
import torch
from torch import nn

TEMPERATURE = 1.5


class Calibrated(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(784, 10)

    def forward(self, images):
        return self.head(images.flatten(1)) / TEMPERATURE


model = Calibrated()


def predict(images):
    return torch.softmax(model(images), dim=1)
""",
    references=(
        Reference(
            "Guo et al. (2017), On Calibration of Modern Neural Networks",
            "https://arxiv.org/abs/1706.04599",
        ),
        Reference(
            "Hinton et al. (2015), Distilling the Knowledge in a Neural Network",
            "https://arxiv.org/abs/1503.02531",
        ),
    ),
    unsure="""\
The factor T² in front of a distillation loss is no second temperature: it makes up for the gradient that shrinks with
1/T². It is not reported.""",
)


@RULE.on(Divided)
def check(event: Divided, seen: Seen) -> Verdict | None:
    """Divided by T, and by T again."""
    return Verdict("a temperature was applied before, and is applied again: together it is its square", event.before)
