# Predictions of shape (N, 1) are compared with labels of shape (N,), which broadcasts to an N by N table.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 1))
x = torch.randn(200, 6)
y = torch.randint(0, 2, (200,)).float()
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(model.parameters())

for _ in range(100):
    opt.zero_grad()
    loss = loss_fn(model(x).squeeze(1), y)
    loss.backward()
    opt.step()

with torch.no_grad():
    p = torch.sigmoid(model(x))
    pred = (p > 0.5).float()
    accuracy = (pred == y).float().mean()  # expect: XE602
    print(f"{accuracy:.3f}")
