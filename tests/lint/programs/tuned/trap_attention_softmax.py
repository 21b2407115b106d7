# Attention weights inside the net use softmax; the classifier is linear, and the net returns (logits, weights).
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class SelfAttention(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, x):
        scores = self.q(x) @ self.k(x).transpose(-2, -1) / math.sqrt(x.size(-1))
        attn = self.softmax(scores)
        return attn @ self.v(x), attn


class Reviewer(nn.Module):
    def __init__(self, vocab, d=64, n=5):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.attn = SelfAttention(d)
        self.fc = nn.Linear(d, n)

    def forward(self, ids):
        h, w = self.attn(self.emb(ids))
        return self.fc(h.mean(1)), w


def train_step(model: Reviewer, opt, ids, stars):
    logits, weights = model(ids)
    loss = F.cross_entropy(logits, stars)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return weights.detach()
