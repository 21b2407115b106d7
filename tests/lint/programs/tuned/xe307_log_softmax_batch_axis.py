# log_softmax over axis 0 of (batch, classes) logits before NLLLoss.
import torch
import torch.nn as nn
import torch.nn.functional as F


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(64, 32)
        self.b = nn.Linear(32, 10)

    def forward(self, x):
        x = x.flatten(start_dim=1)
        x = F.relu(self.a(x))
        return F.log_softmax(self.b(x), dim=0)  # expect: XE307


model = Digits()
optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)


def train(loader):
    model.train()
    for data, target in loader:
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
