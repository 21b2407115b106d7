# skorch takes the log for NLLLoss, but not for CrossEntropyLoss, which the author put in its place.
import numpy as np
import torch
from skorch import NeuralNetClassifier
from sklearn.datasets import make_classification
from torch import nn


class MyModule(nn.Module):
    def __init__(self, num_units=10, nonlin=nn.ReLU()):
        super().__init__()
        self.dense0 = nn.Linear(20, num_units)
        self.nonlin = nonlin
        self.output = nn.Linear(num_units, 2)
        self.softmax = nn.Softmax(dim=-1)

    def forward(self, X, **kwargs):
        X = self.nonlin(self.dense0(X))
        return self.softmax(self.output(X))


X, y = make_classification(1000, 20, n_informative=10, random_state=0)
net = NeuralNetClassifier(  # expect: XE101
    MyModule,
    criterion=nn.CrossEntropyLoss,
    max_epochs=20,
    lr=0.1,
    iterator_train__shuffle=True,
)
net.fit(X.astype(np.float32), y.astype(np.int64))
