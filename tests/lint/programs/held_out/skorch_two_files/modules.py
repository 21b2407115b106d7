# A torch module for tabular data.
from torch import nn


class Tab(nn.Module):
    def __init__(self, n_features=14, n_classes=3):
        super().__init__()
        self.net = nn.Sequential()
        self.net.append(nn.Linear(n_features, 32))
        self.net.append(nn.ReLU())
        self.net.append(nn.Linear(32, n_classes))
        self.net.append(nn.Softmax(dim=1))

    def forward(self, X):
        return self.net(X)
