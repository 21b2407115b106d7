# The head in the other file divides by its temperature, and the loss line does it once more.
import torch.nn.functional as F

from model import CosineHead

head = CosineHead(256, 1000)


def loss_fn(feats, y):
    logits = head(feats)
    return F.cross_entropy(logits / head.temperature, y)  # expect: XE309
