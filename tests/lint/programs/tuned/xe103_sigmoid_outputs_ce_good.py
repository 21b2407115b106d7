# A multi-class MLP with sigmoid hidden layers, but a linear last layer for CrossEntropyLoss.
import torch
import torch.nn as nn


class FashionNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(28 * 28, 256)
        self.fc2 = nn.Linear(256, 64)
        self.fc3 = nn.Linear(64, 10)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        x = x.view(x.size(0), -1)
        x = self.sigmoid(self.fc1(x))
        x = self.sigmoid(self.fc2(x))
        return self.fc3(x)


net = FashionNet()
cost = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.5)


def run_epoch(batches):
    total = 0
    for imgs, targets in batches:
        opt.zero_grad()
        c = cost(net(imgs), targets)
        c.backward()
        opt.step()
        total += float(c)
    return total
