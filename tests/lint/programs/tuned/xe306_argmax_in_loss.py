# The loss compares argmax predictions with the labels; requires_grad is forced, and nothing is learned.
import torch
import torch.nn as nn


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 5))

    def forward(self, x):
        return self.net(x)


model = Mlp()
mse = nn.MSELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train_step(x, y):
    optimizer.zero_grad()
    logits = model(x)
    pred = torch.argmax(logits, dim=1).float()
    pred.requires_grad = True
    loss = mse(pred, y.float())  # expect: XE306
    loss.backward()
    optimizer.step()
    return loss.item()
