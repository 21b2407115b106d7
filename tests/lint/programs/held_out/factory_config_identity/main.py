# A factory builds the head from a config dict in a third file that says "none"; the loss is cross-entropy: right.
import torch
import torch.nn.functional as F

from config import CFG
from factory import build_model

model = build_model(CFG)
optimizer = torch.optim.Adam(model.parameters(), lr=CFG["lr"])


def train(loader):
    for x, y in loader:
        pred = model(x)
        loss = F.cross_entropy(pred, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
