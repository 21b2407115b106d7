# The forward returns a list of logit maps; the loss is summed in a loop, and the last map is shown: right.
import torch.nn.functional as F
from torch import nn


class Nested(nn.Module):
    def __init__(self, k=4):
        super().__init__()
        self.e1, self.e2 = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.o1, self.o2 = nn.Conv2d(16, k, 1), nn.Conv2d(16, k, 1)

    def forward(self, x):
        a = F.relu(self.e1(x))
        b = F.relu(self.e2(a))
        return [self.o1(a), self.o2(b)]


def loss_fn(net: Nested, x, mask):
    return sum(F.cross_entropy(out, mask) for out in net(x))


def show(net: Nested, x):
    return F.softmax(net(x)[-1], dim=1)
