# A hand-written binary cross-entropy with log(sigmoid) and log(1 - sigmoid).
import torch
from torch import nn

w = nn.Linear(12, 1)


def bce_by_hand(x, y):
    z = w(x).squeeze(-1)
    pos = torch.log(torch.sigmoid(z))  # expect: XE502
    neg = torch.log(1 - torch.sigmoid(z))  # expect: XE503
    return -(y * pos + (1 - y) * neg).mean()


def bce_stable(x, y):
    z = w(x).squeeze(-1)
    return -(y * nn.functional.logsigmoid(z) + (1 - y) * nn.functional.logsigmoid(-z)).mean()
