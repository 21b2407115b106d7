# Three class weights for a head of four classes.
import torch
import torch.nn as nn
import torch.nn.functional as F

CLASS_WEIGHTS = torch.tensor([0.3, 1.0, 2.5])


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(12, 32, 7)
        self.fc = nn.Linear(32, 4)

    def forward(self, ecg):
        return self.fc(F.relu(self.conv(ecg)).mean(-1))


def loss_fn(net: Net, ecg, rhythm):
    return F.cross_entropy(net(ecg), rhythm, weight=CLASS_WEIGHTS)  # expect: XE404
