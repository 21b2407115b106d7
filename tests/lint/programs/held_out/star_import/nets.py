# A module for star imports.
from torch import nn

__all__ = ["make_net"]


def make_net():
    return nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
