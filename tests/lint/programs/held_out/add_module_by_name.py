# The softmax comes in by add_module under a name of one's own, and the functional loss under an alias.
import torch as T
import torch.nn as nn
import torch.nn.functional as nnf

net = nn.Sequential()
net.add_module("conv_time", nn.Conv2d(1, 25, (11, 1)))
net.add_module("bn", nn.BatchNorm2d(25))
net.add_module("elu", nn.ELU())
net.add_module("pool", nn.AdaptiveAvgPool2d(1))
net.add_module("flat", nn.Flatten())
net.add_module("classifier", nn.Linear(25, 4))
net.add_module("probs", nn.Softmax(dim=1))


def step(batch, opt):
    eeg, label = batch
    opt.zero_grad()
    out = net(eeg.unsqueeze(1))
    cost = nnf.cross_entropy(out, label)  # expect: XE101
    cost.backward()
    opt.step()
    return float(cost)


if __name__ == "__main__":
    opt = T.optim.AdamW(net.parameters(), lr=6e-4)
