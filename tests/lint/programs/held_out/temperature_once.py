# Attention is scaled by sqrt(d) and sharpened by its own tau, and the sampler divides by the temperature once: right.
import math

import torch
import torch.nn.functional as F
from torch import nn


class SharpAttention(nn.Module):
    def __init__(self, d, tau=0.5):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)
        self.d, self.tau = d, tau

    def forward(self, x):
        scores = self.q(x) @ self.k(x).transpose(-2, -1) / math.sqrt(self.d)
        return F.softmax(scores / self.tau, dim=-1) @ self.v(x)


def sample(logits, temperature=0.8, top_k=50):
    logits = logits / temperature
    kth = torch.topk(logits, top_k).values[..., -1, None]
    logits = logits.masked_fill(logits < kth, float("-inf"))
    return torch.multinomial(F.softmax(logits, dim=-1), 1)


def info_nce(q, k, tau=0.07):
    q, k = F.normalize(q, dim=1), F.normalize(k, dim=1)
    return F.cross_entropy(q @ k.t() / tau, torch.arange(q.size(0)))
