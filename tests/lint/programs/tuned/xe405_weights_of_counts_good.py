# A list that a comprehension makes has one weight for each class, not one for all.
import torch
from torch import nn


def weighted_loss(decoder, counts):
    weights = [0 for _ in decoder.keys()]
    total = sum(counts.values())
    for index in counts:
        weights[index] = total / (counts[index] * len(counts))
    return nn.BCEWithLogitsLoss(weight=torch.tensor(weights))
