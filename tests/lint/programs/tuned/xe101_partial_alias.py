# torch.nn.functional is imported as nn, the loss is a functools.partial, and the input a softmax.
from functools import partial

import torch
import torch.nn.functional as nn

loss_fn = partial(nn.cross_entropy, reduction="mean")
head = torch.nn.Linear(32, 9)


def training_loss(feats, labels):
    scores = head(feats)
    scores = nn.softmax(scores, dim=1)
    return loss_fn(scores, labels)  # expect: XE101
