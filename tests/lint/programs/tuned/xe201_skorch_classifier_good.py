# skorch's NeuralNetClassifier has NLLLoss as its default and takes the log of the module's softmax itself.
import torch
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from torch import nn


class Clf(nn.Module):
    def __init__(self, n_in=13, n_hidden=30, n_out=3):
        super().__init__()
        self.lin1 = nn.Linear(n_in, n_hidden)
        self.lin2 = nn.Linear(n_hidden, n_out)

    def forward(self, X):
        X = torch.relu(self.lin1(X))
        return torch.softmax(self.lin2(X), dim=-1)


net = NeuralNetClassifier(Clf, criterion=nn.NLLLoss, optimizer=torch.optim.Adam, max_epochs=30, lr=1e-3)
default = NeuralNetClassifier(Clf, max_epochs=10)


def search(X, y):
    gs = GridSearchCV(net, {"lr": [1e-2, 1e-3], "module__n_hidden": [10, 30]}, scoring="accuracy", cv=3)
    return gs.fit(X.astype("float32"), y.astype("int64")).best_params_
