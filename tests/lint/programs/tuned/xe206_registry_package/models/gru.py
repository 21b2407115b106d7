from torch import nn


class GRUScorer(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.gru = nn.GRU(d, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc(self.gru(x)[1][-1]).squeeze(-1)
