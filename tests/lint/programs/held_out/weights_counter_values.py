# Counter.values() comes in the order in which the labels were first seen, not in the order of the class ids.
from collections import Counter

import torch
from torch import nn
from torchvision.datasets import ImageFolder


def weighted_criterion(folder):
    ds = ImageFolder(folder)
    count = Counter(ds.targets)
    total = sum(count.values())
    by_id = torch.tensor([total / count[i] for i in range(len(ds.classes))])
    return ds, nn.CrossEntropyLoss(weight=by_id)


def shuffled_weighted_criterion(labels):
    count = Counter(labels)
    inv = [1.0 / c for c in count.values()]
    return nn.CrossEntropyLoss(weight=torch.tensor(inv))  # expect: XE404
