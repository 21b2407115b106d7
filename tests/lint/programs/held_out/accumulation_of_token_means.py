# Micro-batches with different numbers of tokens: each mean is divided by the number of micro-batches.
import torch
import torch.nn.functional as F

ACCUM = 8


def train(model, loader, optimizer, pad_id=0):
    model.train()
    for i, (ids, labels) in enumerate(loader):
        logits = model(ids)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=pad_id)
        loss = loss / ACCUM  # expect: XE408
        loss.backward()
        if (i + 1) % ACCUM == 0:
            optimizer.step()
            optimizer.zero_grad()
