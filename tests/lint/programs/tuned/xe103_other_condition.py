# The loss is chosen by another condition than the sigmoid.
import torch
from torch import nn

import config

model = nn.Linear(64, config.num_labels)
if config.weighted:
    criterion = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0]))
else:
    criterion = nn.CrossEntropyLoss()


def evaluate(x, y):
    out = model(x)
    if config.num_labels == 2:
        out = torch.sigmoid(out)
        return criterion(out, y)  # expect: XE103
    return criterion(out, y)
