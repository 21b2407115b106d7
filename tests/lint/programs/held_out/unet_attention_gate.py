# An attention gate has a sigmoid inside the network; the last convolution is linear before BCEWithLogitsLoss: right.
import torch
import torch.nn as nn


class AttentionGate(nn.Module):
    def __init__(self, g, x, inter):
        super().__init__()
        self.wg = nn.Conv2d(g, inter, 1)
        self.wx = nn.Conv2d(x, inter, 1)
        self.psi = nn.Sequential(nn.Conv2d(inter, 1, 1), nn.BatchNorm2d(1), nn.Sigmoid())

    def forward(self, g, x):
        return x * self.psi(torch.relu(self.wg(g) + self.wx(x)))


class GatedUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Conv2d(3, 32, 3, padding=1)
        self.mid = nn.Conv2d(32, 32, 3, padding=1)
        self.gate = AttentionGate(32, 32, 16)
        self.outc = nn.Conv2d(32, 1, 1)

    def forward(self, x):
        e = torch.relu(self.enc(x))
        m = torch.relu(self.mid(e))
        return self.outc(self.gate(m, e))


def train_fn(loader, model: GatedUNet, optimizer):
    loss_fn = nn.BCEWithLogitsLoss()
    for data, targets in loader:
        predictions = model(data)
        loss = loss_fn(predictions, targets.float().unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
