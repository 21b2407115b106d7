# The same check with the last axis squeezed away, or with the labels made a column: right.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 1))
x = torch.randn(200, 6)
y = torch.randint(0, 2, (200,)).float()
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(model.parameters())

for _ in range(100):
    opt.zero_grad()
    loss = loss_fn(model(x), y.unsqueeze(1))
    loss.backward()
    opt.step()

with torch.no_grad():
    p = torch.sigmoid(model(x))
    acc_a = ((p.squeeze(1) > 0.5).float() == y).float().mean()
    acc_b = ((p > 0.5).float() == y[:, None]).float().mean()
    acc_c = (p.view(-1).round() == y).float().mean()
    assert acc_a == acc_b == acc_c
