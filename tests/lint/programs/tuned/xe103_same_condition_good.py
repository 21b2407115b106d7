# One condition chooses the loss and, elsewhere, whether a sigmoid comes before it: never a sigmoid before CrossEntropyLoss.
import torch
from torch import nn

import config

model = nn.Linear(64, config.num_labels)
if config.num_labels == 1:
    criterion = nn.BCELoss()
else:
    criterion = nn.CrossEntropyLoss()
activation = nn.Sigmoid() if config.binary else nn.Identity()


def evaluate(x, y):
    out = model(x)
    if config.num_labels == 1:
        out = torch.sigmoid(out)
        loss = criterion(out, y.float())
    else:
        loss = criterion(out, y)
    return loss


def other(x, y):
    criterion = nn.BCELoss() if config.binary else nn.CrossEntropyLoss()
    return criterion(torch.sigmoid(model(x)), y) if config.binary else criterion(model(x), y)
