# A helper named softmax only scales, and a variable named probs holds scores: right.
import torch
import torch.nn.functional as F
from torch import nn


def softmax(z, scale=30.0):
    return scale * F.normalize(z, dim=-1)


class ArcHead(nn.Module):
    def __init__(self, d, k, margin=0.5, scale=64.0):
        super().__init__()
        self.W = nn.Parameter(torch.randn(k, d))
        self.margin, self.scale = margin, scale

    def forward(self, x, y):
        cos = F.linear(F.normalize(x), F.normalize(self.W)).clamp(-1 + 1e-6, 1 - 1e-6)
        target = torch.cos(torch.acos(cos) + self.margin)
        hot = F.one_hot(y, cos.size(1)).bool()
        return self.scale * torch.where(hot, target, cos)


arc = ArcHead(128, 500)
lin = nn.Linear(128, 500)


def losses(x, y):
    probs = softmax(lin(x))
    return F.cross_entropy(probs, y) + F.cross_entropy(arc(x, y), y)
