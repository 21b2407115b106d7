# skorch: a get_loss of one's own for a net with two outputs; the first of them is logits: right.
import torch
import torch.nn.functional as F
from skorch import NeuralNet
from torch import nn


class AEClassifier(nn.Module):
    def __init__(self, d=50, k=5):
        super().__init__()
        self.enc, self.dec, self.cls = nn.Linear(d, 10), nn.Linear(10, d), nn.Linear(10, k)

    def forward(self, X):
        h = torch.relu(self.enc(X))
        return self.cls(h), torch.sigmoid(self.dec(h))


class TwoLosses(NeuralNet):
    def get_loss(self, y_pred, y_true, X, *args, **kwargs):
        logits, rebuilt = y_pred
        return super().get_loss(logits, y_true, X=X, *args, **kwargs) + F.mse_loss(rebuilt, X)


net = TwoLosses(AEClassifier, criterion=nn.CrossEntropyLoss, max_epochs=5)
