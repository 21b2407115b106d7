# The pixel loss: it flattens what it is given.
import torch.nn.functional as F


def pixel_loss(logits, target):
    rows = logits.view(-1, 5)  # expect: XE307
    return F.cross_entropy(rows, target.view(-1))
