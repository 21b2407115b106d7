# The Sequential ends with a softmax, and training goes through all but the last layer: right.
import torch
from torch import nn

net = nn.Sequential(
    nn.Linear(16, 32),
    nn.ReLU(),
    nn.Linear(32, 6),
    nn.Softmax(dim=1),
)
criterion = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters())


def train(loader):
    body = net[:-1]
    for x, y in loader:
        opt.zero_grad()
        loss = criterion(body(x), y)
        loss.backward()
        opt.step()


def predict(x):
    return net(x)
