import torch
import torch.nn.functional as F

from conv import ConvNet


def run(batches, steps=100):
    net = ConvNet()
    opt = torch.optim.SGD(net.parameters(), 0.1)
    for _, (x, y) in zip(range(steps), batches):
        loss = F.cross_entropy(net(x), y)  # expect: XE101
        opt.zero_grad()
        loss.backward()
        opt.step()
