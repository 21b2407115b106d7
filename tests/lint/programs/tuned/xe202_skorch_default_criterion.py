# skorch's NeuralNetClassifier defaults to NLLLoss of log(output); a module that returns logits has no place there.
import numpy as np
import torch.nn.functional as F
from skorch import NeuralNetClassifier
from torch import nn


class MyModule(nn.Module):
    def __init__(self, num_units=10, nonlin=F.relu):
        super().__init__()
        self.dense0 = nn.Linear(20, num_units)
        self.nonlin = nonlin
        self.dropout = nn.Dropout(0.5)
        self.output = nn.Linear(num_units, 2)

    def forward(self, X, **kwargs):
        X = self.dropout(self.nonlin(self.dense0(X)))
        return self.output(X)


X = np.random.randn(1000, 20).astype(np.float32)
y = (X[:, 0] + X[:, 1] > 0).astype(np.int64)
net = NeuralNetClassifier(MyModule, max_epochs=10, lr=0.1, iterator_train__shuffle=True)  # expect: XE202
net.fit(X, y)
