# Probabilities of classes are cut at one half; or one column of the outputs is another head's.
import torch
from torch import nn

head, criterion, bce = nn.Linear(64, 11), nn.CrossEntropyLoss(), nn.BCEWithLogitsLoss()


def step(x, y, seen):
    out = head(x)
    loss = criterion(out[:, :10], y) + bce(out[:, 10], seen)
    sure = (out[:, :10].softmax(1) > 0.5).any(1)
    return loss, sure, torch.sigmoid(out[:, 10]) > 0.5, out[:, 10] > 0
