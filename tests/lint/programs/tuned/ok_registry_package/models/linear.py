import torch
from torch import nn


class LinearScorer(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.fc = nn.Linear(d, 1)

    def forward(self, x):
        return torch.sigmoid(self.fc(x.mean(dim=1)).squeeze(-1))
