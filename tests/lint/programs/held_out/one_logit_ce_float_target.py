# One output unit and CrossEntropyLoss with float targets: a softmax over one class is 1 and the loss is always 0.
import torch
from torch import nn

titanic = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(titanic.parameters(), lr=0.01)


def train(X, survived):
    y = survived.float().view(-1, 1)
    for epoch in range(50):
        optimizer.zero_grad()
        y_hat = titanic(X)
        loss = criterion(y_hat, y)  # expect: XE301
        loss.backward()
        optimizer.step()
        print(epoch, loss.item())
