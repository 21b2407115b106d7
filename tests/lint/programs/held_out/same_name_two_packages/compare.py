# Two classes named Net from two sub-packages, each with the loss that belongs to it: right.
import torch.nn.functional as F

from .new import Net
from .old.model import Net as OldNet


def compare(x, y):
    a = F.cross_entropy(Net()(x), y)
    b = F.nll_loss(OldNet()(x), y)
    return a, b
