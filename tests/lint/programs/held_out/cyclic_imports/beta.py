# The other half of the circle.
import torch.nn.functional as F

import alpha


def objective(net: "alpha.Alpha", x, y):
    return F.cross_entropy(net(x), y)


def probabilities(net: "alpha.Alpha", x):
    return F.softmax(net(x), dim=1)
