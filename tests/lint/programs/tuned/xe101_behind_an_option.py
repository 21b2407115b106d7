# The loss is met only where an option is given that is off by default.
import torch.nn.functional as F
from torch import nn


class Lm(nn.Module):
    def __init__(self, use_classifier=False, width=64):
        super().__init__()
        self.head = nn.Linear(width, 1000)
        self.use_classifier = use_classifier

    def forward(self, x, labels=None):
        if labels is None:
            return (x,)
        logits = self.head(x)
        loss = F.cross_entropy(F.softmax(logits.flatten(0, 1), -1), labels.flatten(0, 1))  # expect: XE101
        return x, loss

    def losses(self, x, y):
        loss = 0
        if self.use_classifier:
            loss = F.cross_entropy(F.softmax(self.head(x), dim=1), y)  # expect: XE101
        return loss


def step(x, y, soften=False):
    model = Lm()
    (hidden,) = model(x)
    if soften:
        return F.cross_entropy(F.softmax(hidden, 1), y)  # expect: XE101
    return F.cross_entropy(hidden, y)


def positional(x, y=None, soften=False, /, *, scale=1):
    if soften:
        return scale * F.cross_entropy(F.softmax(nn.Linear(8, 3)(x), 1), y)  # expect: XE101
    return x
