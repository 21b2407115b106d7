# Three networks with different outputs.
import torch.nn as nn
import torch.nn.functional as F


class LinearNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(20, 5)

    def forward(self, x):
        return self.fc(x)


class LogProbNet(LinearNet):
    def forward(self, x):
        return F.log_softmax(super().forward(x), dim=1)


class ProbNet(LinearNet):
    def forward(self, x):
        return F.softmax(super().forward(x), dim=1)
