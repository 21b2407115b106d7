"""XE401: padding is trained as if it were data."""

from xent.lint.events import Averaged, LossCall
from xent.lint.evidence import Seen
from xent.lint.frameworks.losses import reduction
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Const, Tensor

RULE = Rule(
    code="XE401",
    name="padding-not-ignored",
    severity="warning",
    finds="A target that was padded with a known id is handed to a loss that does not ignore that id.",
    why="""\
The padding is the easiest token there is, and the loss counts it like any other. If 70 % of the positions are padding
and the network has learnt that, a loss of 2.996 nats a real token shows as .3 · 2.996 = .899: a perplexity of 20 is
reported as 2.46. The figure moves with the lengths in a batch, and two runs with different batch sizes cannot be
compared.

The gradient of the real tokens is diluted by the same .3, and accuracy is flattered likewise. The network also learns
to emit padding, which comes out when it generates.

Pass `ignore_index` with the padding id, or pad targets with −100, which PyTorch's cross-entropy ignores by default.""",
    bad="""\
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pad_sequence

PAD = 0


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(8000, 64, padding_idx=PAD)
        self.rnn = nn.GRU(64, 64, batch_first=True)
        self.head = nn.Linear(64, 8000)

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens))[0])


model = LanguageModel()


def step(sentences):
    tokens = pad_sequence(sentences, batch_first=True, padding_value=PAD)
    logits = model(tokens[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
""",
    good="""\
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pad_sequence

PAD = 0


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(8000, 64, padding_idx=PAD)
        self.rnn = nn.GRU(64, 64, batch_first=True)
        self.head = nn.Linear(64, 8000)

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens))[0])


model = LanguageModel()


def step(sentences):
    tokens = pad_sequence(sentences, batch_first=True, padding_value=PAD)
    logits = model(tokens[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=PAD)
""",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss and its ignore_index",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
    ),
    unsure="""\
A loss without reduction that is multiplied by a mask ignores the padding too and is not reported. Targets that a data
loader pads in another file are seen only if that file is checked as well.""",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Report a padded target in a loss that does not ignore the padding."""
    return None if reduction(event) == "none" else _padded(event)


@RULE.on(Averaged)
def averaged(event: Averaged, seen: Seen) -> Verdict | None:
    """Report a padded target in a loss of which all places are averaged."""
    return _padded(event.loss.call) if event.loss.call is not None else None


def _padded(event: LossCall) -> Verdict | None:
    y, loss = event.target, event.loss
    if loss.family != "softmax" or not isinstance(y, Tensor) or "sample_weight" in event.options:
        return None
    fill = next((mark.removeprefix("padded with ") for mark in y.marks if mark.startswith("padded with ")), None)
    if fill is None:
        return None
    said = event.options.get("ignore_index")
    if fill == "the pad id" and said is not None:
        return None
    if said is not None and (not isinstance(said, Const) or f"{said.value}" == fill):
        return None
    ignored = said.value if isinstance(said, Const) else -100
    if fill == str(ignored):
        return None
    return Verdict(
        f"the target was padded with {fill}, and {loss.name} ignores {ignored}: padding is trained as a class",
        y.trail,
        event.node,
        event.module,
    )
