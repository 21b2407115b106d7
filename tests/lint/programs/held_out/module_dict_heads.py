# A ModuleDict of heads: the species head has a softmax of its own, the stage head has not.
import torch.nn.functional as F
from torch import nn


class MultiTask(nn.Module):
    def __init__(self, d=128):
        super().__init__()
        self.trunk = nn.Linear(d, d)
        self.heads = nn.ModuleDict({
            "species": nn.Sequential(nn.Linear(d, 40), nn.Softmax(dim=1)),
            "stage": nn.Linear(d, 3),
        })

    def forward(self, x):
        h = F.relu(self.trunk(x))
        return self.heads["species"](h), self.heads["stage"](h)


def loss_fn(model: MultiTask, x, species, stage):
    s, t = model(x)
    l1 = F.cross_entropy(s, species)  # expect: XE101
    l2 = F.cross_entropy(t, stage)
    return l1 + l2
