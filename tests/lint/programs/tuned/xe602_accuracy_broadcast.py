# Predictions of shape (N, 1) are compared with labels of shape (N,): the comparison is N by N.
import torch
from sklearn.datasets import make_moons
from torch import nn

X, y = make_moons(1000, noise=0.2)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)

net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
bce = nn.BCELoss()
opt = torch.optim.Adam(net.parameters(), lr=0.01)

for epoch in range(200):
    p = net(X)
    loss = bce(p, y.unsqueeze(1))
    opt.zero_grad()
    loss.backward()
    opt.step()
    acc = ((p > 0.5).float() == y).float().mean()  # expect: XE602
    print(epoch, loss.item(), acc.item())
