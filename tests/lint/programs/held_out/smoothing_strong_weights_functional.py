# The functional loss with smoothing 0.2 and a weight of 120 for the rare class.
import torch
import torch.nn.functional as F
from torch import nn


class Rare(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(64, 4)
        self.register_buffer("cw", torch.tensor([1.0, 1.0, 3.0, 120.0]))

    def forward(self, x):
        return self.fc(x)

    def loss(self, x, y):
        return F.cross_entropy(self(x), y, weight=self.cw, label_smoothing=0.2)  # expect: XE406
