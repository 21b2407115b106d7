# A dataclass carries the criterion as a default; the net's last layer is a Softmax.
from dataclasses import dataclass, field

import torch
from torch import nn


@dataclass
class TrainConfig:
    lr: float = 1e-3
    epochs: int = 10
    criterion: nn.Module = field(default_factory=nn.CrossEntropyLoss)


def main(loader):
    cfg = TrainConfig(lr=3e-4)
    net = nn.Sequential(nn.Linear(10, 30), nn.ReLU(), nn.Linear(30, 3), nn.Softmax(1))
    opt = torch.optim.Adam(net.parameters(), lr=cfg.lr)
    for _ in range(cfg.epochs):
        for x, y in loader:
            loss = cfg.criterion(net(x), y)  # expect: XE101
            opt.zero_grad()
            loss.backward()
            opt.step()
