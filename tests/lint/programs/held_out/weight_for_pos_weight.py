# A single weight on BCEWithLogitsLoss scales both classes; pos_weight was meant for the rare positives.
import torch
import torch.nn as nn

n_pos, n_neg = 180, 9820
model = nn.Sequential(nn.Linear(29, 64), nn.ReLU(), nn.Linear(64, 1))
criterion = nn.BCEWithLogitsLoss(weight=torch.tensor([n_neg / n_pos]))
optimizer = torch.optim.Adam(model.parameters())


def train(loader):
    for x, fraud in loader:
        logits = model(x).squeeze(1)
        loss = criterion(logits, fraud.float())  # expect: XE405
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
