# skorch: the binary classifier gets BCELoss in place of its default, and the module gives raw scores.
import torch
from skorch import NeuralNetBinaryClassifier
from torch import nn


class Linear1(nn.Module):
    def __init__(self, n=12):
        super().__init__()
        self.w = nn.Linear(n, 1)

    def forward(self, X):
        return self.w(X).flatten()


net = NeuralNetBinaryClassifier(Linear1, criterion=nn.BCELoss, lr=0.1, max_epochs=20)  # expect: XE206
