# torch.nn.functional is imported as nn, so that nn.softmax and nn.cross_entropy are functions.
import torch
import torch.nn.functional as nn
from torch.nn import Linear, Module


class Net(Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.last = Linear(6, 32), Linear(32, 3)

    def forward(self, x):
        x = nn.relu(self.hidden(x))
        return nn.softmax(self.last(x), -1)


net = Net()
sgd = torch.optim.SGD(net.parameters(), 0.1)


def step(x, y):
    sgd.zero_grad()
    loss = nn.cross_entropy(net(x), y)  # expect: XE101
    loss.backward()
    sgd.step()
