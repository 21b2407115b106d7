# Only NeuralNetClassifier takes the log before NLLLoss; the plain NeuralNet hands the softmax over as it is.
from skorch import NeuralNet, NeuralNetClassifier
from torch import nn
from torch.nn import functional as F


class Clf(nn.Module):
    def __init__(self, d=30, k=4):
        super().__init__()
        self.hidden = nn.Linear(d, 50)
        self.out = nn.Linear(50, k)

    def forward(self, X):
        return F.softmax(self.out(F.relu(self.hidden(X))), dim=-1)


good = NeuralNetClassifier(Clf, criterion=nn.NLLLoss, lr=0.05)
bad = NeuralNet(Clf, criterion=nn.NLLLoss, lr=0.05)  # expect: XE201
