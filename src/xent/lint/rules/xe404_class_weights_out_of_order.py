"""XE404: class weights in another order, or of another length, than the classes."""

from xent.lint.events import LossCall
from xent.lint.evidence import Seen
from xent.lint.rule import Reference, Rule, Verdict
from xent.lint.values import Link, Object, Seq, Tensor

RULE = Rule(
    code="XE404",
    name="class-weights-out-of-order",
    severity="error",
    finds="Class weights come in the order of their counts or of first appearance, not of the class ids, or are not as "
    "many as the classes.",
    why="""\
`weight[k]` is the weight of class k. `value_counts()` and `Counter.most_common()` sort by count, and a `Counter` or a
`dict` lists classes as they first appear: position 0 is then the most frequent or the first class, whatever its id.
The shape is right and nothing fails.

Take three classes with shares .01, .09 and .9, and weights of one over the share. In the right order each class counts
alike. In the order of `value_counts()` the rarest gets the smallest weight, and with nothing else to go by the network
gives the class that holds .9 of the rows a probability of .989: the imbalance, 90 to 1, is squared instead of removed.

A wrong number of weights stops PyTorch's cross-entropy at the first batch; indexing by hand (`weight[labels]`) stops
only when they are too few.""",
    bad="""\
import pandas as pd
import torch
from torch import nn

labels = pd.read_csv("train.csv")["label"]  # 0, 1 or 2
weight = torch.tensor((1 / labels.value_counts()).to_numpy(), dtype=torch.float32)

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss(weight=weight)


def step(features, target):
    return criterion(model(features), target)
""",
    good="""\
import pandas as pd
import torch
from torch import nn

labels = pd.read_csv("train.csv")["label"]  # 0, 1 or 2
weight = torch.tensor((1 / labels.value_counts().sort_index()).to_numpy(), dtype=torch.float32)

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 3))
criterion = nn.CrossEntropyLoss(weight=weight)


def step(features, target):
    return criterion(model(features), target)
""",
    references=(
        Reference(
            "PyTorch: CrossEntropyLoss and its weight, a tensor of size C",
            "https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html",
        ),
        Reference(
            "pandas: Series.value_counts, in descending order",
            "https://pandas.pydata.org/docs/reference/api/pandas.Series.value_counts.html",
        ),
        Reference(
            "scikit-learn: compute_class_weight, in the order of its classes",
            "https://scikit-learn.org/stable/modules/generated/sklearn.utils.class_weight.compute_class_weight.html",
        ),
    ),
    unsure="""\
Whether a literal list of weights is in the right order cannot be seen, only whether it is as long as the head is wide.
A class that is absent from the labels is missing in `value_counts()` too; `np.bincount(labels, minlength=K)` keeps its
place.""",
)


@RULE.on(LossCall)
def check(event: LossCall, seen: Seen) -> Verdict | None:
    """Class weights of another number, or in another order, than the classes."""
    weight, x = event.options.get("weight"), event.prediction
    if not isinstance(weight, Object) or event.loss.family != "softmax":
        return None
    if weight.name == "?by appearance":
        trail = Link("value_counts sorts by frequency", weight.module, weight.node)
        return Verdict(
            "the class weights are in the order of their frequency, not of the class indices: sort_index()", trail
        )
    numbers = weight.args[0] if weight.name == "?numbers" and weight.args else None
    if (
        isinstance(numbers, Seq)
        and numbers.exact
        and isinstance(x, Tensor)
        and x.n_classes not in (None, len(numbers.items))
    ):
        trail = Link(f"{len(numbers.items)} weights", weight.module, weight.node, x.trail)
        return Verdict(f"{len(numbers.items)} class weights for {x.n_classes} classes", trail)
    return None
