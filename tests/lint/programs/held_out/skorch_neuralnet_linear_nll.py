# skorch: the plain NeuralNet with NLLLoss and a module that ends with a linear layer.
import torch
import torch.nn.functional as F
from skorch.net import NeuralNet
from torch import nn


class Conv(nn.Module):
    def __init__(self, channels=22, classes=4):
        super().__init__()
        self.time = nn.Conv1d(channels, 40, 25)
        self.fc = nn.Linear(40, classes)

    def forward(self, X):
        return self.fc(F.elu(self.time(X)).mean(-1))


net = NeuralNet(  # expect: XE202
    Conv,
    criterion=torch.nn.NLLLoss,
    optimizer=torch.optim.Adam,
    max_epochs=40,
)
