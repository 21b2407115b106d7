# A head that ends with a softmax.
from torch import nn


class ProbHead(nn.Module):
    def __init__(self, d, k):
        super().__init__()
        self.f = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, k))
        self.norm = nn.Softmax(-1)

    def forward(self, x):
        x = self.f(x)
        return self.norm(x)
