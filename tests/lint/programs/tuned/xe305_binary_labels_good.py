# BCEWithLogitsLoss with 0/1 labels, with one-hot rows over five classes, and ordinal levels turned into thresholds.
import torch
from torch import nn
import torch.nn.functional as F

bce = nn.BCEWithLogitsLoss()
one, five = nn.Linear(12, 1), nn.Linear(12, 5)


def binary(x):
    y = torch.randint(0, 2, (x.size(0),))
    return bce(one(x).squeeze(1), y.float())


def one_vs_rest(x, y):
    return bce(five(x), F.one_hot(y, 5).float())


def ordinal(x, level):
    """level in 0..5 becomes five cumulative yes/no answers."""
    target = (level.unsqueeze(1) > torch.arange(5)).float()
    return bce(five(x), target)
