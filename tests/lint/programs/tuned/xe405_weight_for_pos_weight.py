# One weight tensor([n_neg / n_pos]) as weight= scales both classes alike; pos_weight= was meant.
import numpy as np
import torch
from torch import nn

y_train = np.load("y_train.npy")
n_pos = y_train.sum()
n_neg = len(y_train) - n_pos
criterion = nn.BCEWithLogitsLoss(weight=torch.tensor([n_neg / n_pos]))

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train_batch(xb, yb):
    optimizer.zero_grad()
    loss = criterion(model(xb).squeeze(1), yb.float())  # expect: XE405
    loss.backward()
    optimizer.step()
    return loss.item()
