# np.where writes class 0 over the places that are marked with 255 as not annotated.
import numpy as np
import torch
from torch import nn

IGNORE = 255


def load_mask(path):
    raw = np.load(path)
    return torch.from_numpy(np.where(raw == IGNORE, 0, raw)).long()  # expect: XE403


def loss(net: nn.Conv2d, feats, path):
    return nn.functional.cross_entropy(net(feats), load_mask(path)[None])
