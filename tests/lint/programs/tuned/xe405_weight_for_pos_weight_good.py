# pos_weight for rare positives; weight only as a per-element mask of the batch's shape.
import numpy as np
import torch
from torch import nn
import torch.nn.functional as F

y_train = np.load("y_train.npy")
n_pos = y_train.sum()
n_neg = len(y_train) - n_pos
criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([n_neg / n_pos]))

model = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)


def train_batch(xb, yb, valid):
    optimizer.zero_grad()
    out = model(xb).squeeze(1)
    loss = criterion(out, yb.float())
    aux = F.binary_cross_entropy_with_logits(out, yb.float(), weight=valid.float())
    (loss + 0.1 * aux).backward()
    optimizer.step()
    return loss.item()
