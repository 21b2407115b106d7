# forward ends in softmax but is replaced by a lambda that gives logits before training starts.
import torch
from torch import nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        return torch.softmax(self.fc(x), dim=1)


net = Net()
net.forward = lambda x: net.fc(x)
opt = torch.optim.Adam(net.parameters())


def step(x, y):
    loss = F.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
