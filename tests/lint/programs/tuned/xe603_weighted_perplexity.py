# Perplexity as exp of a class-weighted cross-entropy: the number has no meaning.
import math

import torch
from torch import nn

VOCAB = 8000
freq = torch.load("unigram.pt")
criterion = nn.CrossEntropyLoss(weight=1.0 / freq.clamp(min=1).float(), reduction="sum")


@torch.no_grad()
def evaluate(lm, batches):
    total, n = 0.0, 0
    for x, y in batches:
        total += criterion(lm(x).reshape(-1, VOCAB), y.reshape(-1)).item()
        n += y.numel()
    return math.exp(total / n)  # expect: XE603
