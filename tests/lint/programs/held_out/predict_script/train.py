# Trains with the loss that takes logits.
import torch
from torch import nn

from model import TumourNet


def train(loader):
    net = TumourNet()
    criterion = nn.BCEWithLogitsLoss()
    opt = torch.optim.Adam(net.parameters())
    for x, y in loader:
        opt.zero_grad()
        criterion(net(x), y.float().view(-1, 1)).backward()
        opt.step()
    torch.save(net.state_dict(), "net.pt")
