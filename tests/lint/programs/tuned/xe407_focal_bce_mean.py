# Binary focal loss over nn.BCEWithLogitsLoss() with its default mean.
import torch
from torch import nn


class BinaryFocal(nn.Module):
    def __init__(self, gamma: float = 2.0):
        super().__init__()
        self.gamma = gamma
        self.bce = nn.BCEWithLogitsLoss()

    def forward(self, logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        bce = self.bce(logits, y)  # expect: XE407
        p_t = torch.exp(-bce)
        return ((1.0 - p_t).pow(self.gamma) * bce).mean()
