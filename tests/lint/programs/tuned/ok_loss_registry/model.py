import torch.nn.functional as F
from torch import nn


class Intent(nn.Module):
    def __init__(self, d, n):
        super().__init__()
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(d, n)

    def forward(self, emb):
        return F.log_softmax(self.fc(self.drop(emb)), dim=1)

    def proba(self, emb):
        return self.forward(emb).exp()
