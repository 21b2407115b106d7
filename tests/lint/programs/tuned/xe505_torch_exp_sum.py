# exp(x) / sum(exp(x)) by hand on float32 scores.
import torch


def attention(q, k, v):
    scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
    w = torch.exp(scores) / torch.exp(scores).sum(dim=-1, keepdim=True)  # expect: XE505
    return w @ v
