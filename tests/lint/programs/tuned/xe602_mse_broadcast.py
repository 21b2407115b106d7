# Regression: MSELoss between (N, 1) predictions and (N,) targets compares every pair.
import torch
from sklearn.datasets import fetch_california_housing
from torch import nn

data = fetch_california_housing()
X = torch.tensor(data.data, dtype=torch.float32)
y = torch.tensor(data.target, dtype=torch.float32)

model = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1))
loss_fn = nn.MSELoss()
opt = torch.optim.AdamW(model.parameters())
for _ in range(100):
    pred = model(X)
    loss = loss_fn(pred, y)  # expect: XE602
    opt.zero_grad()
    loss.backward()
    opt.step()
