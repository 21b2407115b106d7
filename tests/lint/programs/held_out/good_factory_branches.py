# A builder with an activation for inference and none for training, asked for training: right.
import torch
from torch import nn


def build_classifier(n_in, n_out, inference=False):
    net = nn.Sequential(nn.Linear(n_in, 64), nn.ReLU(), nn.Linear(64, n_out))
    if inference:
        net.add_module("softmax", nn.Softmax(dim=1))
    return net


def main(loader):
    net = build_classifier(20, 3)
    loss_fn = nn.CrossEntropyLoss()
    opt = torch.optim.Adam(net.parameters())
    for x, y in loader:
        opt.zero_grad()
        loss_fn(net(x), y).backward()
        opt.step()
    served = build_classifier(20, 3, inference=True)
    served.load_state_dict(net.state_dict())
    return served
