# KLDivLoss without a reduction averages over every element, not over the batch: K times too small.
import torch
import torch.nn as nn
import torch.nn.functional as F

kl_loss = nn.KLDivLoss()


def rdrop(model, batch, labels, weight=5.0):
    p = model(batch)
    q = model(batch)
    ce = 0.5 * (F.cross_entropy(p, labels) + F.cross_entropy(q, labels))
    kl = kl_loss(F.log_softmax(p, dim=-1), F.softmax(q, dim=-1))  # expect: XE205
    return ce + weight * kl
