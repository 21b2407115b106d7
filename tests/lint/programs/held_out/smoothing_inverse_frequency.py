# Label smoothing together with inverse frequencies of 5000 to 20 as class weights.
import torch
import torch.nn as nn

COUNTS = torch.tensor([5000.0, 4800.0, 20.0])
criterion = nn.CrossEntropyLoss(weight=COUNTS.max() / COUNTS, label_smoothing=0.1)
model = nn.Linear(32, 3)


def step(x, y):
    return criterion(model(x), y)  # expect: XE406
