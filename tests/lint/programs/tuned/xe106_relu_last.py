# The output layer goes through ReLU before CrossEntropyLoss, so no logit can be negative.
import torch
import torch.nn as nn
import torch.nn.functional as F


class DQNStyleNet(nn.Module):
    def __init__(self, n_feat, n_cls):
        super().__init__()
        self.l1 = nn.Linear(n_feat, 100)
        self.l2 = nn.Linear(100, 50)
        self.l3 = nn.Linear(50, n_cls)

    def forward(self, x):
        x = F.relu(self.l1(x))
        x = F.relu(self.l2(x))
        x = F.relu(self.l3(x))
        return x


def fit(dl, n_feat=12, n_cls=4):
    m = DQNStyleNet(n_feat, n_cls)
    crit = nn.CrossEntropyLoss()
    o = torch.optim.Adam(m.parameters(), lr=0.001)
    for e in range(50):
        for xb, yb in dl:
            o.zero_grad()
            loss = crit(m(xb.float()), yb.long())  # expect: XE106
            loss.backward()
            o.step()
    return m
