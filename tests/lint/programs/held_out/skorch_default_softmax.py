# skorch's NeuralNetClassifier has NLLLoss by default and takes the log of the module's softmax itself: right.
import numpy as np
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetClassifier
from torch import nn


class MyModule(nn.Module):
    def __init__(self, num_units=10):
        super().__init__()
        self.seq = nn.Sequential(nn.Linear(20, num_units), nn.ReLU(), nn.Linear(num_units, 2), nn.Softmax(dim=-1))

    def forward(self, X):
        return self.seq(X)


def search(X, y):
    net = NeuralNetClassifier(MyModule, max_epochs=20, lr=0.1, verbose=0)
    same = NeuralNetClassifier(MyModule, criterion=nn.NLLLoss, lr=0.02)
    same.fit(X.astype(np.float32), y)
    gs = GridSearchCV(net, {"lr": [0.01, 0.02], "module__num_units": [10, 20]}, cv=3, scoring="accuracy")
    return gs.fit(X.astype(np.float32), y).best_params_
