# Pixels marked IGNORE are mapped by np.where to class 0, "background".
import numpy as np
import torch
import torch.nn.functional as F

IGNORE = 255
ID2NAME = {0: "background", 1: "crop", 2: "weed"}


def load_label(path: str) -> torch.Tensor:
    label = np.load(path).astype("int64")
    label = np.where(label == IGNORE, 0, label)  # expect: XE403
    return torch.from_numpy(label)


def loss(net, image, path):
    return F.cross_entropy(net(image[None]), load_label(path)[None])
