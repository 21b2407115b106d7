# The old network gives log-probabilities.
import torch.nn as nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Sequential(nn.Linear(10, 3), nn.LogSoftmax(dim=1))

    def forward(self, x):
        return self.fc(x)
