# A Brier score by hand: a column of probabilities minus a flat vector of labels.
import torch
import torch.nn.functional as F
from torch import nn


class Risk(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.Linear(15, 1)

    def forward(self, x):
        return self.lin(x)


@torch.no_grad()
def brier(model: Risk, x, y):
    y = y.view(-1).float()
    p = torch.sigmoid(model(x))
    return ((p - y) ** 2).mean()  # expect: XE602


@torch.no_grad()
def brier_right(model: Risk, x, y):
    y = y.view(-1).float()
    p = torch.sigmoid(model(x)).view(-1)
    return ((p - y) ** 2).mean()
