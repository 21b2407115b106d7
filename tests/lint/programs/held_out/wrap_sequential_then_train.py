# The trained model is the wrapped one: Sequential(backbone, Softmax), and the loss is cross-entropy.
import torch
from torch import nn

backbone = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
probabilistic = nn.Sequential(backbone, nn.Softmax(dim=1))
ce = nn.CrossEntropyLoss()
opt = torch.optim.Adam(probabilistic.parameters())


def train(loader):
    for x, y in loader:
        opt.zero_grad()
        loss = ce(probabilistic(x), y)  # expect: XE101
        loss.backward()
        opt.step()


def warm_up(loader):
    for x, y in loader:
        opt.zero_grad()
        loss = ce(backbone(x), y)
        loss.backward()
        opt.step()
