# skorch's base NeuralNet does not take the log (only NeuralNetClassifier does), so softmax into NLLLoss is wrong here.
import torch
from skorch import NeuralNet
from torch import nn


class Clf(nn.Module):
    def __init__(self, n_in=13, n_hidden=30, n_out=3):
        super().__init__()
        self.lin1 = nn.Linear(n_in, n_hidden)
        self.lin2 = nn.Linear(n_hidden, n_out)

    def forward(self, X):
        X = torch.relu(self.lin1(X))
        return torch.softmax(self.lin2(X), dim=-1)


net = NeuralNet(Clf, criterion=nn.NLLLoss, optimizer=torch.optim.Adam, max_epochs=30, lr=1e-3)  # expect: XE201


def fit(X, y):
    return net.fit(X.astype("float32"), y.astype("int64"))
