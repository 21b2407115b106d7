# A gated network with a mixture inside and logits at its end.
import torch
from torch import nn


class GatedMLP(nn.Module):
    def __init__(self, d, k, n=3):
        super().__init__()
        self.mix = nn.Sequential(nn.Linear(d, n), nn.Softmax(dim=-1))
        self.parts = nn.ModuleList(nn.Linear(d, k) for _ in range(n))

    def forward(self, x):
        w = self.mix(x)
        return torch.stack([p(x) for p in self.parts], -1).mul(w.unsqueeze(1)).sum(-1)
