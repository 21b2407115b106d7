# The subclass turns the head's output into probabilities; the base class's forward calls that hook.
import torch
import torch.nn as nn
import torch.nn.functional as F


class BaseClassifier(nn.Module):
    def __init__(self, dim, k):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(dim, 256), nn.GELU())
        self.head = nn.Linear(256, k)

    def postprocess(self, z):
        return z

    def forward(self, x):
        return self.postprocess(self.head(self.body(x)))


class ProbClassifier(BaseClassifier):
    def postprocess(self, z):
        return F.softmax(z, dim=-1)


def run(loader):
    plain = BaseClassifier(300, 6)
    probabilistic = ProbClassifier(300, 6)
    ce = nn.CrossEntropyLoss()
    for x, y in loader:
        a = ce(plain(x), y)
        b = ce(probabilistic(x), y)  # expect: XE101
        (a + b).backward()
