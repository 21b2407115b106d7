# skorch: the module in module.py ends in Softmax, and fit.py sets criterion=CrossEntropyLoss.
from torch import nn


class TabularNet(nn.Module):
    def __init__(self, n_features=20, hidden=100, dropout=0.3, n_classes=3):
        super().__init__()
        self.sequential = nn.Sequential(
            nn.Linear(n_features, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, n_classes),
            nn.Softmax(dim=-1),
        )

    def forward(self, X):
        return self.sequential(X)
