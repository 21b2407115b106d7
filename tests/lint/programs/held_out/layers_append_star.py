# A list of layers ends with a softmax and becomes a Sequential by the star; the loss takes a softmax of its own.
import torch
from torch import nn, optim


def make_mlp(n_in, hidden, n_classes, p=0.2):
    layers = []
    prev = n_in
    for h in hidden:
        layers.extend([nn.Linear(prev, h), nn.BatchNorm1d(h), nn.ReLU(), nn.Dropout(p)])
        prev = h
    layers.append(nn.Linear(prev, n_classes))
    layers.append(nn.Softmax(dim=1))
    return nn.Sequential(*layers)


def fit(loader, epochs=20):
    mlp = make_mlp(54, [128, 64], 7)
    criterion = nn.CrossEntropyLoss()
    opt = optim.Adam(mlp.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for xb, yb in loader:
            opt.zero_grad()
            loss = criterion(mlp(xb), yb)  # expect: XE101
            loss.backward()
            opt.step()
        print(epoch, loss.item())
    return mlp
