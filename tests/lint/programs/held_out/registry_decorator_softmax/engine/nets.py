# Two networks under two names.
import torch
from torch import nn

from .registry import register


@register("gesture_prob")
class GestureProb(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.lstm = nn.LSTM(63, 128, batch_first=True)
        self.cls = nn.Linear(128, n)

    def forward(self, x):
        h = self.lstm(x)[0][:, -1]
        return torch.softmax(self.cls(h), dim=-1)


@register("gesture_prob_small")
class GestureProbSmall(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.cls = nn.Linear(63, n)

    def forward(self, x):
        return torch.softmax(self.cls(x.mean(1)), dim=-1)
