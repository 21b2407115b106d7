# A ready-made network's softmax is replaced by Identity before training: right.
import torch
from torch import nn


class Published(nn.Module):
    def __init__(self, k=4):
        super().__init__()
        self.fc = nn.Linear(22, k)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        return self.softmax(self.fc(x))


model = Published()
model.softmax = nn.Identity()
seq = nn.Sequential(nn.Linear(22, 4), nn.Softmax(dim=1))
seq[-1] = nn.Identity()
criterion = nn.CrossEntropyLoss()


def losses(x, y):
    return criterion(model(x), y) + criterion(seq(x), y)
