# A Sequential that ends in ReLU is the trunk; a linear head comes after it.
import torch
from torch import nn

trunk = nn.Sequential(nn.Linear(40, 80), nn.ReLU(), nn.Linear(80, 80), nn.ReLU())
head = nn.Linear(80, 7)
model = nn.Sequential(trunk, head)
criterion = nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters())


def step(x, y):
    a = criterion(head(trunk(x)), y)
    b = criterion(model(x), y)
    opt.zero_grad()
    (a + b).backward()
    opt.step()
