# The acoustic model, which gives log-probabilities.
from torch import nn


class KeywordNet(nn.Module):
    def __init__(self, n_keywords=35):
        super().__init__()
        self.gru = nn.GRU(40, 128, batch_first=True)
        self.decision = nn.Sequential(nn.Linear(128, n_keywords), nn.LogSoftmax(dim=1))

    def forward(self, mel):
        _, h = self.gru(mel)
        return self.decision(h[0])
