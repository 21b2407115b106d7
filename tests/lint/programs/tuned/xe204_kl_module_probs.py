# A consistency term: KLDivLoss gets the softmax of the strongly augmented view as its input.
import torch
from torch import nn


class Consistency(nn.Module):
    def __init__(self, backbone, dim, n):
        super().__init__()
        self.backbone = backbone
        self.fc = nn.Linear(dim, n)
        self.softmax = nn.Softmax(dim=-1)
        self.kl = nn.KLDivLoss(reduction="batchmean")

    def probs(self, x):
        return self.softmax(self.fc(self.backbone(x)))

    def forward(self, weak, strong):
        with torch.no_grad():
            target = self.probs(weak)
        return self.kl(self.probs(strong), target)  # expect: XE204
