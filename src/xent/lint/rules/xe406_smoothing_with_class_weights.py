"""XE406: label smoothing together with strong class weights."""

from xent.lint.rule import Reference, Rule

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
