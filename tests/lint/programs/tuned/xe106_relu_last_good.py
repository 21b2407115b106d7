# ReLU after every hidden layer in a loop, none after the last.
import torch
import torch.nn as nn
import torch.nn.functional as F


class Net(nn.Module):
    def __init__(self, n_feat, n_cls):
        super().__init__()
        self.hidden = nn.ModuleList([nn.Linear(n_feat, 100), nn.Linear(100, 50)])
        self.l3 = nn.Linear(50, n_cls)

    def forward(self, x):
        for layer in self.hidden:
            x = F.relu(layer(x))
        x = self.l3(x)
        return x


def fit(dl, n_feat=12, n_cls=4):
    m = Net(n_feat, n_cls)
    crit = nn.CrossEntropyLoss()
    o = torch.optim.Adam(m.parameters(), lr=0.001)
    for e in range(50):
        for xb, yb in dl:
            o.zero_grad()
            loss = crit(m(xb.float()), yb.long())
            loss.backward()
            o.step()
    return m
