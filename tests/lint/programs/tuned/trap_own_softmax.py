# A function of one's own named softmax is the soft maximum (logsumexp pooling), not a normalisation.
import torch
import torch.nn.functional as F
from torch import nn


def softmax(x, dim):
    """Smooth maximum over instances of a bag."""
    return torch.logsumexp(x, dim=dim)


class MIL(nn.Module):
    def __init__(self, d, n_classes):
        super().__init__()
        self.fc = nn.Linear(d, n_classes)

    def forward(self, bag):
        return softmax(self.fc(bag), dim=1)


def loss_of(model: MIL, bag, label):
    return F.cross_entropy(model(bag), label)
