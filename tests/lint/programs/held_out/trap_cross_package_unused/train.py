# Training goes through Net and the metrics through Served, which wraps it: right.
import torch
from torch import nn

from metrics import expected_confidence, hard_predictions
from net import Net, Served

net = Net()
served = Served(net)
criterion = nn.BCEWithLogitsLoss()


def step(x, y, opt):
    loss = criterion(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    with torch.no_grad():
        p = served(x)
        return expected_confidence(p), hard_predictions(p)
