# The softmax is taken only when the module is not in training mode: right.
import torch
from torch import nn


class Audio(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.fc = nn.Linear(40, k)

    def forward(self, x):
        x = self.fc(x)
        if not self.training:
            x = torch.softmax(x, dim=-1)
        return x


def train(loader):
    model = Audio(10)
    model.train()
    criterion = nn.CrossEntropyLoss()
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    for x, y in loader:
        loss = criterion(model(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
