"""XE308: a threshold of .5 on logits."""

import ast

from xent.lint import edits
from xent.lint.events import Threshold
from xent.lint.evidence import Seen
from xent.lint.finding import Fix
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Kind, Link

RULE = Rule(
    code="XE308",
    name="half-threshold-on-logits",
    severity="error",
    finds="Logits are compared with 0.5, or rounded, as if they were probabilities.",
    why="""\
A logit of .5 is the probability σ(.5) = .622; the probability .5 is the logit 0. Every row between .5 and .622 is
called negative. Where the probabilities are spread evenly over [0, 1] and right, recall falls from .75 to .61.

The training is not harmed, only what is reported and decided, and a model may be chosen by it. `round` and `int` on a
logit are no better: they also return 2, 3 or −1.

Compare logits with 0, or their sigmoid with .5. Another probability p has the logit ln(p/(1 − p)): 2.197 for .9.
Of the logits of classes under one softmax only the differences count: the same number may be added to all of them.""",
    bad="""\
import torch
from torch import nn

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()


def step(features, labels):
    return criterion(model(features).squeeze(1), labels.float())


@torch.no_grad()
def predict(features):
    logits = model(features).squeeze(1)
    return logits > 0.5
""",
    good="""\
import torch
from torch import nn

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.BCEWithLogitsLoss()


def step(features, labels):
    return criterion(model(features).squeeze(1), labels.float())


@torch.no_grad()
def predict(features):
    logits = model(features).squeeze(1)
    return logits > 0
""",
    fix="`--unsafe-fixes` compares with 0.",
    references=(
        Reference(
            "PyTorch: BCEWithLogitsLoss, whose input are unnormalized logits",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.BCEWithLogitsLoss.html",
        ),
    ),
    unsure="A threshold of .5 on the logit scale may have been chosen on data. Then give it a name that says so.",
)


_MESSAGE = "0.5 is the threshold of a probability; these are logits, of which 0.5 means p = .622: compare with 0"

_OF_CLASSES = (
    "0.5 is the threshold of a probability; of the logits of classes only their differences count: "
    "take argmax, or softmax first"
)


@RULE.on(Threshold)
def check(event: Threshold, seen: Seen) -> Verdict | None:
    """Logits > 0.5."""
    x = event.value
    if event.at != 0.5 or event.rounded:
        return None
    takes = seen.logits.get(event.symbol) if event.symbol is not None else None
    trail = Link(f"{takes.loss.name} takes it as logits", takes.module, takes.node) if takes is not None else None
    if takes is None and x.kind is Kind.LOGITS:
        takes, trail = seen.logits_of.get(x.origin) if x.origin is not None else None, x.trail
    if (takes is not None and takes.loss.family == "sigmoid") or (x.kind is Kind.LOGITS and "decision" in x.marks):
        return Verdict(_MESSAGE, trail, fix=_at_zero(event))
    if takes is not None and takes.loss.family == "softmax" and not x.marks & {"column", "part"}:
        return Verdict(_OF_CLASSES, trail)
    return None


def _at_zero(event: Threshold) -> Fix | None:
    """Compare with 0 instead of with one half."""
    node = event.node
    near = [node.left, *node.comparators] if isinstance(node, ast.Compare) else getattr(node, "args", [])
    half = [each for each in near if isinstance(each, ast.Constant) and each.value == 0.5]
    if len(half) != 1:
        return None
    return edits.fix("compare with 0", edits.replaced(event.module, half[0], "0.0"))
