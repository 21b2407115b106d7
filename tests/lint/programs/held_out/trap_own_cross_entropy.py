# A function of one's own named cross_entropy takes probabilities, and a class named CrossEntropyLoss does too: right.
import torch
from torch import nn


def cross_entropy(probs, onehot):
    """The quadratic score; the name is what the rest of the lab's code calls."""
    return ((probs - onehot) ** 2).sum(1).mean()


class CrossEntropyLoss(nn.Module):
    """Takes probabilities that sum to one and class indices."""

    def forward(self, probs, index):
        chosen = probs.gather(1, index[:, None])
        return (1 - chosen).mean()


model = nn.Sequential(nn.Linear(12, 3), nn.Softmax(dim=1))
criterion = CrossEntropyLoss()


def losses(x, y):
    p = model(x)
    return cross_entropy(p, nn.functional.one_hot(y, 3)), criterion(p, y)
