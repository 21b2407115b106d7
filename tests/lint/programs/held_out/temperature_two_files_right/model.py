# The metric-learning head divides by its temperature.
import torch
import torch.nn.functional as F
from torch import nn


class CosineHead(nn.Module):
    def __init__(self, d, k, temperature=0.05):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(k, d) * 0.01)
        self.temperature = temperature

    def forward(self, x):
        cos = F.linear(F.normalize(x), F.normalize(self.weight))
        return cos / self.temperature
