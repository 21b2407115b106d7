"""XE307: a softmax over the wrong axis or without one, or a view where a permute is needed."""

from xent.lint.rule import Reference, Rule

RULE = Rule(
    code="XE307",
    name="wrong-class-axis",
    severity="error",
    finds="The class axis is not where it is taken to be: a softmax runs over another axis, names none, or a view "
    "stands where a permute is needed.",
    why="""\
**Another axis.** `softmax(logits, dim=0)` on (N, K) normalises over the batch: a row's probabilities depend on the rows
beside it, and with one row every class gets exactly 1. `dim=1` on (N, T, K) normalises over the sequence.

**No axis.** `softmax(x)` and `nn.Softmax()` choose one by the number of axes: 0 for one and three axes, 1 for two and
four. It is right for (N, K) and (N, K, H, W), and takes the batch for (N, T, K). PyTorch warns once and goes on.

**A view for a permute.** `CrossEntropyLoss` wants the classes on axis 1: (N, T, K) is to become (N, K, T). `view` and
`reshape` only cut the same memory anew. Of the 128 × 12 numbers of a sentence with T = 128 and K = 12 only 2 stay where
they belong; `reshape(-1, 21)` on one image of (1, 21, 64, 64) leaves 6 of 86,016. The shapes fit, so nothing fails, and
every token or pixel is graded on numbers that were computed for others. `permute(0, 2, 1)`, or for images
`permute(0, 2, 3, 1)` before the reshape, moves the numbers.""",
    bad="""\
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5000, 64)
        self.lstm = nn.LSTM(64, 64, batch_first=True)
        self.head = nn.Linear(64, 12)

    def forward(self, tokens):
        hidden, _ = self.lstm(self.embed(tokens))
        return self.head(hidden)  # (N, T, 12)


model = Tagger()
criterion = nn.CrossEntropyLoss()


def step(tokens, tags):
    logits = model(tokens)
    n, t, k = logits.shape
    return criterion(logits.view(n, k, t), tags)
""",
    good="""\
from torch import nn


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5000, 64)
        self.lstm = nn.LSTM(64, 64, batch_first=True)
        self.head = nn.Linear(64, 12)

    def forward(self, tokens):
        hidden, _ = self.lstm(self.embed(tokens))
        return self.head(hidden)  # (N, T, 12)


model = Tagger()
criterion = nn.CrossEntropyLoss()


def step(tokens, tags):
    logits = model(tokens)
    return criterion(logits.permute(0, 2, 1), tags)
""",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss, shapes (N, C) and (N, C, d1, …, dK)",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
        Reference(
            "PyTorch: softmax and its dim",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.softmax.html",
        ),
        Reference(
            "PyTorch: permute",
            "https://docs.pytorch.org/docs/stable/generated/torch.permute.html",
        ),
    ),
    unsure="""\
A softmax over the batch, the sequence or the pixels is often meant inside a network (attention, routing, spatial
attention). Only a softmax whose output is used as class probabilities is reported. `view(-1, K)` on (N, T, K) is right:
the classes are the last axis before and after.""",
)
