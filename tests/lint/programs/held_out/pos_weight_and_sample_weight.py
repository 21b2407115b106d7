# pos_weight for the rare class, and weight only for one number an example: right.
import torch
import torch.nn as nn
import torch.nn.functional as F

model = nn.Sequential(nn.Linear(29, 64), nn.ReLU(), nn.Linear(64, 1))
criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([9820 / 180]))


def train(loader, optimizer):
    for x, fraud, importance in loader:
        logits = model(x).squeeze(1)
        a = criterion(logits, fraud.float())
        b = F.binary_cross_entropy_with_logits(logits, fraud.float(), weight=importance)
        optimizer.zero_grad()
        (a + b).backward()
        optimizer.step()
