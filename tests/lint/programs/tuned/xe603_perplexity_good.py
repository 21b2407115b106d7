# Training with label smoothing; perplexity from the plain loss in nats, or as a power of two of bits.
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

train_loss = nn.CrossEntropyLoss(label_smoothing=0.1)


def train_step(model, opt, x, y):
    loss = train_loss(model(x).flatten(0, 1), y.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()


@torch.no_grad()
def report(model, x, y):
    nats = F.cross_entropy(model(x).flatten(0, 1), y.flatten()).item()
    bits = nats / math.log(2)
    print(f"{bits:.3f} bits per token, perplexity {math.exp(nats):.1f} = {2**bits:.1f}")
