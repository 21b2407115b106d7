# Squeeze-and-excitation has a sigmoid and the spatial attention a softmax; the head is linear.
import torch
from torch import nn


class SqueezeExcite(nn.Module):
    def __init__(self, c, r=4):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(c, c // r), nn.ReLU(), nn.Linear(c // r, c), nn.Sigmoid())

    def forward(self, x):
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


class ClassHead(nn.Module):
    def __init__(self, c, k):
        super().__init__()
        self.att = nn.Conv2d(c, 1, 1)
        self.fc = nn.Linear(c, k)

    def forward(self, x):
        a = torch.softmax(self.att(x).flatten(2), dim=-1)
        return self.fc((x.flatten(2) * a).sum(-1))
