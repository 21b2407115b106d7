# A torch module for tabular data that ends with a softmax.
from torch import nn


class Tab(nn.Module):
    def __init__(self, n_features=14, n_classes=3):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_features, 32), nn.ReLU(), nn.Linear(32, n_classes), nn.Softmax(dim=1))

    def forward(self, X):
        return self.net(X)
