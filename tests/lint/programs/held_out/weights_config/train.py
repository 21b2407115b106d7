# The weights in the settings are for three classes, and the head has five.
import torch
from torch import nn

from settings import CLASS_WEIGHTS, NUM_CLASSES

model = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, NUM_CLASSES))
criterion = nn.CrossEntropyLoss(weight=torch.tensor(CLASS_WEIGHTS))


def step(x, y):
    loss = criterion(model(x), y)  # expect: XE404
    loss.backward()
    return loss
