"""XE406: label smoothing together with strong class weights."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Link, Object, Seq, constant

RULE = Rule(
    code="XE406",
    name="smoothing-with-class-weights",
    severity="warning",
    finds="Label smoothing is combined with class weights so unequal that the best answer for a class is another one.",
    why="""\
PyTorch weights each class's part of the smoothed target by that class's weight. For a row of class y the best answer is
then proportional to (1 − ε + ε/K) w_y for y and to (ε/K) w_k for every other class k.

With ε = .1 and the weights 1, 1, 50 the best answer to a row of class 0 is (.354, .013, .633): class 2, although the
row is certainly class 0. In general class k takes over class y from w_k/w_y > K (1 − ε)/ε + 1 on: a ratio of 28 for 3
classes and of 91 for 10. Below that the argmax holds and the probabilities are bent: with the weights 1, 1, 5 class 0
is best answered with .824 instead of .933.

Weight the row, not the classes of its target: smooth without weights, then multiply by the weight of the row's
label. Or give up one of the two.""",
    bad="""\
import torch
from torch import nn

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 1.0, 50.0]), label_smoothing=0.1)


def step(features, labels):
    return criterion(model(features), labels)
""",
    good="""\
import torch
from torch import nn

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss(label_smoothing=0.1, reduction="none")
weight = torch.tensor([1.0, 1.0, 50.0])


def step(features, labels):
    row_weight = weight[labels]
    return (row_weight * criterion(model(features), labels)).sum() / row_weight.sum()
""",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss, its weight and its label_smoothing",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
        Reference(
            "Szegedy et al. (2015), Rethinking the Inception Architecture: label smoothing",
            "https://arxiv.org/abs/1512.00567",
        ),
    ),
    unsure="Weights that are computed from data are not known before a run and are not reported.",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Smoothing whose share of a heavy class outweighs the label's own."""
    weight, smoothing = event.options.get("weight"), constant(event.options.get("label_smoothing"))
    if (
        not isinstance(smoothing, float)
        or not 0 < smoothing < 1
        or not isinstance(weight, Object)
        or weight.name != "?numbers"
    ):
        return None
    numbers = weight.args[0]
    values = [constant(item) for item in numbers.items] if isinstance(numbers, Seq) and numbers.exact else []
    weights = [float(value) for value in values if isinstance(value, int | float)]
    if len(weights) < 2 or len(weights) != len(values):
        return None
    share = smoothing / len(weights)
    heavy = max(range(len(weights)), key=weights.__getitem__)
    for label, own in enumerate(weights):
        if share * weights[heavy] > (1 - smoothing + share) * own:
            trail = Link(f"weights {weights}", weight.module, weight.node)
            return Verdict(
                f"with label_smoothing={smoothing} and these weights the loss of class {label} is least where class "
                f"{heavy} is predicted",
                trail,
            )
    return None
