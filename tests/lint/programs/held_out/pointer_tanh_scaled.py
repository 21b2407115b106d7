# A pointer network caps its scores with c * tanh(u) before a softmax cross-entropy: a scaled cap, and right.
import torch
import torch.nn.functional as F
from torch import nn


class Pointer(nn.Module):
    def __init__(self, dim, cap=10.0):
        super().__init__()
        self.wq, self.wk = nn.Linear(dim, dim, bias=False), nn.Linear(dim, dim, bias=False)
        self.cap = cap

    def forward(self, query, keys, visited):
        scores = torch.einsum("bd,bnd->bn", self.wq(query), self.wk(keys)) / keys.size(-1) ** 0.5
        scores = self.cap * torch.tanh(scores)
        return scores.masked_fill(visited, float("-inf"))


def imitation_loss(pointer: Pointer, query, keys, visited, next_node):
    return F.cross_entropy(pointer(query, keys, visited), next_node)
