# The similarity helper divides by tau already, and the contrastive loss divides by tau again.
import torch
import torch.nn.functional as F

TAU = 0.07


def similarity(a, b):
    a, b = F.normalize(a, dim=1), F.normalize(b, dim=1)
    return a @ b.t() / TAU


def info_nce(q, k):
    logits = similarity(q, k)
    labels = torch.arange(q.size(0), device=q.device)
    return F.cross_entropy(logits / TAU, labels)  # expect: XE309
