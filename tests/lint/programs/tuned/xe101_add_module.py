# Layers are added one by one with add_module; the last one is a Softmax and the loss F.cross_entropy.
import torch
import torch.nn as nn
import torch.nn.functional as F

sizes = [54, 256, 128, 7]
net = nn.Sequential()
for i, (a, b) in enumerate(zip(sizes[:-2], sizes[1:-1])):
    net.add_module(f"fc{i}", nn.Linear(a, b))
    net.add_module(f"bn{i}", nn.BatchNorm1d(b))
    net.add_module(f"act{i}", nn.ReLU(inplace=True))
net.add_module("out", nn.Linear(sizes[-2], sizes[-1]))
net.add_module("prob", nn.Softmax(dim=-1))

opt = torch.optim.RMSprop(net.parameters(), lr=3e-4)


def step(x, y):
    opt.zero_grad(set_to_none=True)
    y_hat = net(x)
    l = F.cross_entropy(y_hat, y)  # expect: XE101
    l.backward()
    opt.step()
    return l.item()
