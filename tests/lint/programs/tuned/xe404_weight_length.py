# Four outputs but three class weights.
import torch
from torch import nn


class Grade(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))

    def forward(self, x):
        return self.fc(x)


net = Grade()
class_weights = torch.tensor([0.2, 1.0, 2.5])
criterion = nn.CrossEntropyLoss(weight=class_weights)
opt = torch.optim.Adam(net.parameters(), lr=1e-3)


def step(x, y):
    opt.zero_grad()
    loss = criterion(net(x), y)  # expect: XE404
    loss.backward()
    opt.step()
