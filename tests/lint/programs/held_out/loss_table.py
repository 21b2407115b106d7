# The loss is picked out of a dict by a key that is known; the model ends with a softmax.
import torch
from torch import nn

LOSSES = {
    "mse": nn.MSELoss(),
    "ce": nn.CrossEntropyLoss(),
    "bce": nn.BCELoss(),
}


def main():
    net = nn.Sequential(nn.Linear(20, 40), nn.ReLU(), nn.Linear(40, 4), nn.Softmax(dim=-1))
    crit = LOSSES["ce"]
    opt = torch.optim.Adam(net.parameters())
    x, y = torch.randn(256, 20), torch.randint(0, 4, (256,))
    for _ in range(100):
        opt.zero_grad()
        loss = crit(net(x), y)  # expect: XE101
        loss.backward()
        opt.step()


main()
