# The Sequential that ends with a sigmoid is built in a list comprehension's neighbour; F.cross_entropy takes it.
import torch
import torch.nn.functional as F
from torch import nn


def build(sizes):
    blocks = [nn.Sequential(nn.Linear(a, b), nn.Sigmoid()) for a, b in zip(sizes[:-2], sizes[1:-1])]
    top = nn.Sequential(nn.Linear(sizes[-2], sizes[-1]), nn.Sigmoid())
    return nn.Sequential(*blocks, top)


model = build([30, 16, 8, 3])
opt = torch.optim.Adagrad(model.parameters(), lr=0.05)
X = torch.rand(90, 30)
t = torch.randint(0, 3, (90,))
for i in range(200):
    opt.zero_grad()
    L = F.cross_entropy(model(X), t)  # expect: XE103
    L.backward()
    opt.step()
