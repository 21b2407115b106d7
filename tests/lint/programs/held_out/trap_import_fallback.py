# An import with a fallback, an alias that looks like another module, and the right value in either case: right.
try:
    from apex.contrib.xentropy import SoftmaxCrossEntropyLoss as Loss
except ImportError:
    from torch.nn import CrossEntropyLoss as Loss

import torch.nn.functional as nn
from torch.nn import Linear, Module, Softmax


class Net(Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = Linear(6, 6), Linear(6, 2)
        self.attend = Softmax(dim=-1)

    def forward(self, x):
        x = x * self.attend(self.a(x))
        return self.b(nn.relu(x))


net, loss_fn = Net(), Loss()


def step(x, y):
    return loss_fn(net(x), y) + nn.cross_entropy(net(x), y)
