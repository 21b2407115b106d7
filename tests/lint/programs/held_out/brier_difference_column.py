# The error of a flat vector of labels against a column of predictions, in a mean of absolute values.
import torch
from torch import nn

net = nn.Sequential(nn.Linear(5, 1), nn.Sigmoid())
y = torch.zeros(64)
y[:20] = 1.0


@torch.no_grad()
def mean_error(x):
    assert y.dim() == 1
    p = net(x)
    return (p - y).abs().mean()  # expect: XE602
