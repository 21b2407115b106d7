# The comparison has a name before the unlabelled pixels become background.
import numpy as np
import torch
from torch.nn import functional as F


def step(model, image, target):
    void = target == 255
    target[void] = 0  # expect: XE403
    return F.cross_entropy(model(image), target)


def filled(model, image, labels):
    void = labels == 255
    labels = labels.masked_fill(void, 0)  # expect: XE403
    return F.cross_entropy(model(image), labels)


def chosen(model, image, labels):
    void = labels == 255
    labels = np.where(void, 0, labels)  # expect: XE403
    return F.cross_entropy(model(image), torch.from_numpy(labels))
