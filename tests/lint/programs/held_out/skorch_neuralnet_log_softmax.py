# skorch: the plain NeuralNet with NLLLoss and a module that ends with log_softmax, and an own get_loss: right.
import torch
import torch.nn.functional as F
from skorch import NeuralNet, NeuralNetClassifier
from torch import nn


class Conv(nn.Module):
    def __init__(self, channels=22, classes=4):
        super().__init__()
        self.time = nn.Conv1d(channels, 40, 25)
        self.fc = nn.Linear(40, classes)

    def forward(self, X):
        return F.log_softmax(self.fc(F.elu(self.time(X)).mean(-1)), dim=-1)


class Regularized(NeuralNet):
    def get_loss(self, y_pred, y_true, *args, **kwargs):
        loss = super().get_loss(y_pred, y_true, *args, **kwargs)
        return loss + 1e-4 * sum(w.abs().sum() for w in self.module_.parameters())


net = NeuralNet(Conv, criterion=nn.NLLLoss, optimizer=torch.optim.Adam)
l1 = Regularized(Conv, criterion=nn.NLLLoss)
