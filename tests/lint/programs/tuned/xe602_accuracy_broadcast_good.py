# Predictions are squeezed to (N,), or labels are kept as a column: both comparisons are element by element.
import torch
from sklearn.datasets import make_moons
from torch import nn

X, y = make_moons(1000, noise=0.2)
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)
Y = y.unsqueeze(1)

net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
bce = nn.BCELoss()
opt = torch.optim.Adam(net.parameters(), lr=0.01)

for epoch in range(200):
    p = net(X)
    loss = bce(p, Y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    acc = ((p.squeeze(1) > 0.5).float() == y).float().mean()
    same = ((p > 0.5).float() == Y).float().mean()
    print(epoch, loss.item(), acc.item(), same.item())
