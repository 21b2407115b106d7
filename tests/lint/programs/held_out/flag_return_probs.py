# forward has a flag for probabilities; the first call leaves it off and the second one turns it on.
import torch
from torch import nn
from torch.nn import functional as F


class Tree(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        self.lin = nn.Linear(d, k)

    def forward(self, x, return_probs=False):
        z = self.lin(x)
        if return_probs:
            return F.softmax(z, dim=-1)
        return z


tree = Tree(9, 4)


def losses(x, y):
    a = F.cross_entropy(tree(x), y)
    b = F.cross_entropy(tree(x, return_probs=True), y)  # expect: XE101
    return a, b
