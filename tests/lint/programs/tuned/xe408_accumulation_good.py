# Accumulation done right: token sums over all tokens of the step; equal-sized image batches may use / steps.
import torch
import torch.nn.functional as F

ACCUM = 8


def train_lm(model, batches, optimizer):
    """batches: lists of ACCUM micro-batches, labels -100 where padded."""
    for micro in batches:
        n_tokens = sum((labels != -100).sum() for _, labels in micro)
        for ids, labels in micro:
            logits = model(ids)
            total = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, reduction="sum")
            (total / n_tokens).backward()
        optimizer.step()
        optimizer.zero_grad()


def train_images(model, dataset, optimizer):
    loader = torch.utils.data.DataLoader(dataset, batch_size=32, shuffle=True, drop_last=True)
    for i, (x, y) in enumerate(loader):
        loss = F.cross_entropy(model(x), y) / ACCUM
        loss.backward()
        if (i + 1) % ACCUM == 0:
            optimizer.step()
            optimizer.zero_grad()
