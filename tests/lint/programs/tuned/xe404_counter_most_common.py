# Weights from Counter.most_common() are in order of frequency while the classes are numbered by the dataset.
from collections import Counter

import torch
from torch import nn
from torchvision import datasets

train_ds = datasets.ImageFolder("train")
counts = Counter(train_ds.targets)
w = torch.tensor([len(train_ds) / c for _, c in counts.most_common()])
loss_fn = nn.CrossEntropyLoss(weight=w)


def step(model, x, y):
    return loss_fn(model(x), y)  # expect: XE404
