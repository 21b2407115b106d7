# The loss is picked out of a dict; with the key for the Brier score the softmax before it is right.
import torch
from torch import nn

LOSSES = {
    "brier": nn.MSELoss(),
    "ce": nn.CrossEntropyLoss(),
}


def main():
    net = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 4), nn.Softmax(dim=-1))
    crit = LOSSES["brier"]
    opt = torch.optim.Adam(net.parameters())
    x, y = torch.randn(256, 20), torch.randint(0, 4, (256,))
    target = nn.functional.one_hot(y, 4).float()
    for _ in range(100):
        opt.zero_grad()
        loss = crit(net(x), target)
        loss.backward()
        opt.step()


main()
