# The logits of a softmax's classes are cut at one half; only their differences say something.
import torch
from torch import nn


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        return self.head(self.features(x))


def train(loader):
    model, criterion = Cnn(), nn.CrossEntropyLoss()
    right = 0
    for x, y in loader:
        logits = model(x)
        criterion(logits, y).backward()
        preds = (logits > 0.5).float().sum(dim=1)  # expect: XE308
        right += (preds == y).sum().item()
    return right


def of_any(model, x, y):
    out = model(x)
    loss = nn.functional.cross_entropy(out, y)
    loss.backward()
    return torch.where(out > 0.5, 1, 0)  # expect: XE308
