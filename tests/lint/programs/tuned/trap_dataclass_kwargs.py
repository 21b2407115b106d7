# Loss and activation come from a dataclass and **kwargs that no file here fills: nothing is known.
from dataclasses import dataclass, field
from typing import Callable

import torch
from torch import nn


@dataclass
class Config:
    activation: Callable
    criterion: Callable
    loss_kwargs: dict = field(default_factory=dict)


class Net(nn.Module):
    def __init__(self, cfg: Config, **kwargs):
        super().__init__()
        self.fc = nn.Linear(10, 3, **kwargs)
        self.act = cfg.activation

    def forward(self, x):
        return self.act(self.fc(x))


def train(cfg: Config, loader):
    net = Net(cfg)
    criterion = cfg.criterion(**cfg.loss_kwargs)
    opt = torch.optim.Adam(net.parameters())
    for x, y in loader:
        loss = criterion(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
