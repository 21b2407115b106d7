# A mixture of experts: the router's softmax and top-k weights live inside; the language-model head gives logits.
import torch
from torch import nn
from torch.nn import functional as F


class MoE(nn.Module):
    def __init__(self, d, n_experts=8, k=2):
        super().__init__()
        self.router = nn.Linear(d, n_experts, bias=False)
        self.experts = nn.ModuleList(
            [nn.Sequential(nn.Linear(d, 4 * d), nn.SiLU(), nn.Linear(4 * d, d)) for _ in range(n_experts)]
        )
        self.k = k

    def forward(self, x):
        probs = F.softmax(self.router(x), dim=-1)
        w, idx = probs.topk(self.k, dim=-1)
        w = w / w.sum(dim=-1, keepdim=True)
        out = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            share = (w * (idx == e)).sum(-1, keepdim=True)
            out = out + share * expert(x)
        balance = probs.mean(dim=(0, 1)).pow(2).sum() * len(self.experts)
        return out, balance


class LM(nn.Module):
    def __init__(self, vocab, d=256):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.moe = MoE(d)
        self.head = nn.Linear(d, vocab)

    def forward(self, ids, targets):
        h, aux = self.moe(self.emb(ids))
        logits = self.head(h)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten()) + 0.01 * aux
