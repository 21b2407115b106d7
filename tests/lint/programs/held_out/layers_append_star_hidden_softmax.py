# The list of layers has a softmax in the middle (soft assignment to prototypes) and ends with a linear layer: right.
import torch
from torch import nn, optim


def make_mlp(n_in, n_proto, n_classes):
    layers = []
    layers.append(nn.Linear(n_in, n_proto))
    layers.append(nn.Softmax(dim=1))
    layers.append(nn.Linear(n_proto, n_classes))
    return nn.Sequential(*layers)


def fit(loader, epochs=20):
    mlp = make_mlp(54, 32, 7)
    criterion = nn.CrossEntropyLoss()
    opt = optim.Adam(mlp.parameters(), lr=1e-3)
    for epoch in range(epochs):
        for xb, yb in loader:
            opt.zero_grad()
            loss = criterion(mlp(xb), yb)
            loss.backward()
            opt.step()
    return mlp
