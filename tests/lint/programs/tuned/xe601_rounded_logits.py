# The helper binary_acc rounds raw logits; round(sigmoid(logit)) was meant.
import torch
from torch import nn

net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.BCEWithLogitsLoss()


def evaluate(loader):
    net.eval()
    accs = []
    with torch.no_grad():
        for x, y in loader:
            logits = net(x).squeeze(1)
            print(criterion(logits, y.float()).item())
            accs.append((torch.round(logits) == y).float().mean().item())  # expect: XE601
    return sum(accs) / len(accs)
