# Perplexity as exp of a label-smoothed validation loss.
import torch
import torch.nn.functional as F


@torch.no_grad()
def perplexity(model, x, y):
    logits = model(x)
    loss = F.cross_entropy(logits.flatten(0, 1), y.flatten(), label_smoothing=0.1)
    return torch.exp(loss)  # expect: XE603
