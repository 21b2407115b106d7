# Cross-entropy with two units and weight=[1, 12] is how the rare class is weighted there: right.
import torch
from torch import nn

net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 2))
two_unit = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 12.0]))
per_label = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0, 8.0, 1.5]))
labels_net = nn.Linear(64, 3)


def losses(x, y, y_multi):
    return two_unit(net(x), y) + per_label(labels_net(x), y_multi)
