# The focal factor is computed from a cross-entropy that is already the mean of the batch.
import torch
import torch.nn.functional as F


def focal_loss(model, x, y, gamma=2.0, alpha=0.25):
    logits = model(x)
    return alpha * (1 - torch.exp(-F.cross_entropy(logits, y))) ** gamma * F.cross_entropy(logits, y)  # expect: XE407
