# Dice gets the softmax and cross-entropy the logits, in one combined loss: right.
import torch
import torch.nn.functional as F
from torch import nn


class DiceCE(nn.Module):
    def __init__(self, n_classes, smooth=1.0):
        super().__init__()
        self.n_classes, self.smooth = n_classes, smooth
        self.ce = nn.CrossEntropyLoss()

    def dice(self, probs, onehot):
        inter = (probs * onehot).sum((0, 2, 3))
        total = (probs + onehot).sum((0, 2, 3))
        return 1 - ((2 * inter + self.smooth) / (total + self.smooth)).mean()

    def forward(self, logits, target):
        probs = torch.softmax(logits, dim=1)
        onehot = F.one_hot(target, self.n_classes).permute(0, 3, 1, 2).float()
        return 0.5 * self.dice(probs, onehot) + 0.5 * self.ce(logits, target)


head = nn.Conv2d(64, 4, 1)
criterion = DiceCE(4)


def step(features, target):
    return criterion(head(features), target)
