# Each micro-batch's mean over its own real tokens is divided by ACCUM: unequal lengths get the wrong weight.
import torch
import torch.nn.functional as F

ACCUM = 8


def train(model, loader, optimizer, pad_id):
    model.train()
    for i, (ids, labels) in enumerate(loader):
        labels = labels.masked_fill(labels == pad_id, -100)
        logits = model(ids)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
        loss = loss / ACCUM  # expect: XE408
        loss.backward()
        if (i + 1) % ACCUM == 0:
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
