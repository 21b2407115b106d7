# A maker that comes by a star import gives a linear output; BCELoss wants probabilities.
import torch

from nets import *

net = make_net()
criterion = torch.nn.BCELoss()


def fit(x, y, opt):
    opt.zero_grad()
    out = net(x)
    loss = criterion(out, y)  # expect: XE206
    loss.backward()
    opt.step()
