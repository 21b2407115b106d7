# skorch: NeuralNetBinaryClassifier has BCEWithLogitsLoss by default, and the module ends with a sigmoid.
from skorch import NeuralNetBinaryClassifier
from skorch.callbacks import EpochScoring
from torch import nn
import torch


class Churn(nn.Module):
    def __init__(self, n_in=18):
        super().__init__()
        self.l1 = nn.Linear(n_in, 32)
        self.l2 = nn.Linear(32, 1)

    def forward(self, x):
        h = torch.relu(self.l1(x))
        return torch.sigmoid(self.l2(h)).squeeze(-1)


def make_net():
    return NeuralNetBinaryClassifier(  # expect: XE102
        Churn,
        max_epochs=30,
        lr=1e-2,
        callbacks=[EpochScoring("roc_auc", lower_is_better=False)],
    )
