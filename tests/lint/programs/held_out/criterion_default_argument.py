# The loss is the default value of an argument, and the network is typed by its annotation.
import torch
from torch import nn


class SoftDecision(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Linear(10, 3)

    def forward(self, x):
        return nn.Softmax(dim=1)(self.w(x))


def train(net: SoftDecision, loader, lr=0.1, criterion=nn.CrossEntropyLoss()):
    opt = torch.optim.SGD(net.parameters(), lr=lr)
    for x, y in loader:
        opt.zero_grad()
        loss = criterion(net(x), y)  # expect: XE101
        loss.backward()
        opt.step()


if __name__ == "__main__":
    train(SoftDecision(), [])
