# F is not torch.nn.functional here but the author's package, whose cross_entropy is unknown.
import torch

from mylab import functional as F
from mylab import nn

net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2), torch.nn.Softmax(dim=1))
crit = nn.CrossEntropyLoss(from_probs=True)


def loss(x, y):
    p = net(x)
    return F.cross_entropy(p, y) + crit(p, y)
