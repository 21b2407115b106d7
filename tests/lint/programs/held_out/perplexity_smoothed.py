# Perplexity as exp of a loss with label smoothing is not the perplexity of the model.
import math

import torch
from torch import nn

criterion = nn.CrossEntropyLoss(ignore_index=0, label_smoothing=0.1)


@torch.no_grad()
def evaluate(model, data):
    total, n = 0.0, 0
    for x, y in data:
        logits = model(x)
        k = (y != 0).sum().item()
        total += criterion(logits.flatten(0, 1), y.flatten()).item() * k
        n += k
    val_loss = total / n
    return val_loss, math.exp(val_loss)  # expect: XE603
