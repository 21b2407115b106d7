# The model is made by its name out of a registry; every class in it ends with a softmax.
import torch

from engine import nets
from engine.registry import build

model = build("gesture_prob", n=14)
criterion = torch.nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters())


def epoch(loader):
    for x, y in loader:
        logits = model(x)
        loss = criterion(logits, y)  # expect: XE101
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
