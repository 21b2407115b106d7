# Iris has three classes; their indices 0, 1, 2 go as floats into the binary loss of one output unit.
import torch
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from torch import nn

X, y = load_iris(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.2, stratify=y)
X_tr = torch.tensor(X_tr, dtype=torch.float32)
y_tr = torch.tensor(y_tr, dtype=torch.float32).unsqueeze(1)

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1))
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(200):
    logits = model(X_tr)
    loss = loss_fn(logits, y_tr)  # expect: XE305
    opt.zero_grad()
    loss.backward()
    opt.step()
