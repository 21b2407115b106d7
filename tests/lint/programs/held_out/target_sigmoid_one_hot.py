# The one-hot labels get a sigmoid before the binary loss, "so that both are in the same space".
import torch
from torch import nn

clf = nn.Linear(40, 10)
criterion = nn.BCEWithLogitsLoss()


def train(loader, opt):
    for x, y in loader:
        y = nn.functional.one_hot(y, 10).float()
        loss = criterion(clf(x), torch.sigmoid(y))  # expect: XE304
        opt.zero_grad()
        loss.backward()
        opt.step()
