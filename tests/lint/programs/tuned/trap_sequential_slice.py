# net[:-1] leaves the Softmax out for the loss.
import torch
from torch import nn

net = nn.Sequential(nn.Linear(7, 32), nn.Tanh(), nn.Linear(32, 3), nn.Softmax(dim=-1))
body = net[:-1]
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.LBFGS(net.parameters())


def fit(X, y):
    def closure():
        optimizer.zero_grad()
        loss = criterion(body(X), y)
        loss.backward()
        return loss

    for _ in range(20):
        optimizer.step(closure)
    return net(X)
