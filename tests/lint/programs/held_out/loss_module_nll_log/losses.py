# Losses by name.
from torch import nn


def get_criterion(name="nll", weight=None):
    if name == "nll":
        return nn.NLLLoss(weight=weight)
    raise ValueError(name)
