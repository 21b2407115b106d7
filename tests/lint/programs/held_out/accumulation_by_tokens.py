# Sums over tokens divided by the tokens of all micro-batches, and images in micro-batches of one size: right.
import torch
import torch.nn.functional as F


def lm_step(model, micro_batches, optimizer, pad_id=0):
    n_tokens = sum((y != pad_id).sum().item() for _, y in micro_batches)
    optimizer.zero_grad()
    for ids, y in micro_batches:
        logits = model(ids)
        loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=pad_id, reduction="sum")
        (loss / n_tokens).backward()
    optimizer.step()


def image_step(model, loader, optimizer, accum_steps=4):
    for i, (img, y) in enumerate(loader):
        loss = F.cross_entropy(model(img), y) / accum_steps
        loss.backward()
        if (i + 1) % accum_steps == 0:
            optimizer.step()
            optimizer.zero_grad()
