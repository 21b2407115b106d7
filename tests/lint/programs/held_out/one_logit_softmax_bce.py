# One output unit with a softmax gives 1 for every row, and BCELoss can learn nothing from it.
import torch
import torch.nn as nn
import torch.nn.functional as F


class Classifier(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.a = nn.Linear(d, 2 * d)
        self.b = nn.Linear(2 * d, 1)

    def forward(self, x):
        return F.softmax(self.b(F.relu(self.a(x))), dim=1)


clf = Classifier(12)
bce = nn.BCELoss()
opt = torch.optim.Adam(clf.parameters())


def fit(loader):
    for x, y in loader:
        p = clf(x)
        loss = bce(p, y.float().unsqueeze(1))  # expect: XE301
        opt.zero_grad()
        loss.backward()
        opt.step()
