# The breast-cancer data have two classes, so their 0 and 1 are right for one unit with BCEWithLogitsLoss.
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from torch import nn

X, y = load_breast_cancer(return_X_y=True)
X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.2, stratify=y)
X_tr = torch.tensor(X_tr, dtype=torch.float32)
y_tr = torch.tensor(y_tr, dtype=torch.float32).unsqueeze(1)

model = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 1))
loss_fn = nn.BCEWithLogitsLoss()
opt = torch.optim.Adam(model.parameters(), lr=0.01)

for epoch in range(200):
    logits = model(X_tr)
    loss = loss_fn(logits, y_tr)
    opt.zero_grad()
    loss.backward()
    opt.step()
