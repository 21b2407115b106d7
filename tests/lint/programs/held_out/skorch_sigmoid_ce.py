# skorch: a two-unit module with sigmoids under CrossEntropyLoss.
import torch
from skorch import NeuralNetClassifier
from torch import nn


class TwoSigmoids(nn.Module):
    def __init__(self, d=10):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, 2), nn.Sigmoid())

    def forward(self, X):
        return self.body(X.float())


def search_space():
    net = NeuralNetClassifier(TwoSigmoids, criterion=nn.CrossEntropyLoss, lr=0.05)  # expect: XE103
    return net, {"lr": [0.01, 0.1], "module__d": [10]}
