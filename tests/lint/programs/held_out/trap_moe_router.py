# A mixture of experts: the router's softmax and its load-balancing term are inside the network: right.
import torch
import torch.nn.functional as F
from torch import nn


class MoE(nn.Module):
    def __init__(self, d, n_experts=4, k=10):
        super().__init__()
        self.router = nn.Linear(d, n_experts)
        self.experts = nn.ModuleList(nn.Sequential(nn.Linear(d, d), nn.GELU()) for _ in range(n_experts))
        self.head = nn.Linear(d, k)

    def forward(self, x):
        gate = F.softmax(self.router(x), dim=-1)
        top = gate.argmax(-1)
        share = F.one_hot(top, gate.size(-1)).float().mean(0)
        aux = gate.size(-1) * (share * gate.mean(0)).sum()
        y = sum(gate[:, i, None] * e(x) for i, e in enumerate(self.experts))
        return self.head(x + y), aux


def loss_fn(moe: MoE, x, target):
    logits, aux = moe(x)
    return F.cross_entropy(logits, target) + 0.01 * aux
