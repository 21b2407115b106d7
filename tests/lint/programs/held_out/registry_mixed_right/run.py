# Each network of the registry comes with the loss that belongs to it, chosen on the command line: right.
import argparse

import torch

from registry import build

parser = argparse.ArgumentParser()
parser.add_argument("--model", default="linear")
args = parser.parse_args()
net, criterion = build(args.model)
opt = torch.optim.Adam(net.parameters())


def step(x, y):
    opt.zero_grad()
    loss = criterion(net(x), y)
    loss.backward()
    opt.step()
    return loss.item()
