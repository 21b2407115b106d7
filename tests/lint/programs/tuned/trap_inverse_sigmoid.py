# torch.logit undoes the sigmoid before BCEWithLogitsLoss (iterative refinement of reference points).
import torch
from torch import nn


class Refine(nn.Module):
    def __init__(self, d=64):
        super().__init__()
        self.first = nn.Linear(d, 1)
        self.delta = nn.Linear(d, 1)

    def forward(self, h):
        p0 = torch.sigmoid(self.first(h))
        logit = torch.logit(p0.clamp(1e-6, 1 - 1e-6)) + self.delta(h)
        return logit.squeeze(-1)


def loss(net: Refine, h, y):
    return nn.functional.binary_cross_entropy_with_logits(net(h), y.float())
