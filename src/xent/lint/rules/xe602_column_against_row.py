"""XE602: shapes (N, 1) and (N,) that broadcast to (N, N)."""

from xent.lint.events import Broadcast
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict

RULE = Rule(
    code="XE602",
    name="column-against-row",
    severity="error",
    finds="An array of shape (N, 1) meets one of shape (N,): they broadcast to (N, N), every row against every other.",
    why="""\
The accuracy of `(predicted == labels).mean()` is then Σ over the classes of (share predicted) · (share labelled). A
perfect model on balanced labels has .5, on 90 % negatives .82, and a model that is always wrong on balanced labels has
.5 too: the number says how the classes are spread and nothing of the model.

In a loss by hand every row is drawn towards every label. A squared error or a cross-entropy is best served by one
constant, the mean of the labels, and that is what is learnt. It also costs N² memory.

PyTorch's `BCEWithLogitsLoss` refuses the pair and `mse_loss` warns; comparisons, arithmetic and optax say nothing. Drop
the axis from the prediction with `squeeze(1)`, or give it to the labels.""",
    bad="""\
import torch
from torch import nn

features = torch.randn(256, 30)
labels = torch.randint(0, 2, (256,))
model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))


@torch.no_grad()
def accuracy():
    predicted = (model(features) > 0).long()
    return (predicted == labels).float().mean()
""",
    good="""\
import torch
from torch import nn

features = torch.randn(256, 30)
labels = torch.randint(0, 2, (256,))
model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))


@torch.no_grad()
def accuracy():
    predicted = (model(features).squeeze(1) > 0).long()
    return (predicted == labels).float().mean()
""",
    references=(
        Reference(
            "PyTorch: broadcasting semantics",
            "https://docs.pytorch.org/docs/stable/notes/broadcasting.html",
        ),
    ),
    unsure="""\
A table of all pairs may be meant (distances, contrastive labels). It is reported only where a metric or a loss takes
its mean or its sum.""",
)


@RULE.on(Broadcast)
def check(event: Broadcast, seen: Seen) -> Verdict | None:
    """(n, 1) and (n,) make (n, n)."""
    if event.symbol is not None and event.symbol not in seen.class_targets:
        return None
    return Verdict("shapes (n, 1) and (n,) broadcast to (n, n): every row meets every other", event.left.trail)
