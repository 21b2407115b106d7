# The softmax stands after the return and in a method that training never calls: right.
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(20, 4)

    def forward(self, x):
        x = self.fc(x)
        return x
        x = F.softmax(x, dim=1)
        return x

    def forward_prob(self, x):
        return F.softmax(self.forward(x), dim=1)


net = Net()
criterion = nn.CrossEntropyLoss()


def step(x, y):
    loss = criterion(net(x), y)
    loss.backward()
    return loss
