# skorch: the binary classifier with a linear module and its default loss, and a BCELoss with a sigmoid module: right.
import torch
from skorch import NeuralNetBinaryClassifier
from torch import nn


class ChurnLogit(nn.Module):
    def __init__(self, n_in=18):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_in, 32), nn.ReLU(), nn.Linear(32, 1))

    def forward(self, x):
        return self.net(x).squeeze(-1)


class ChurnProb(ChurnLogit):
    def forward(self, x):
        return torch.sigmoid(super().forward(x))


logit_net = NeuralNetBinaryClassifier(ChurnLogit, max_epochs=30, lr=1e-2)
prob_net = NeuralNetBinaryClassifier(ChurnProb, criterion=nn.BCELoss, max_epochs=30, lr=1e-2)
