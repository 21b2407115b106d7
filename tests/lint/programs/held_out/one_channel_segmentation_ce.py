# A segmentation head with one channel and a float mask of one channel: cross_entropy over one class is 0.
import torch
import torch.nn.functional as F
from torch import nn


class Seg(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 24, 3, padding=1)
        self.out = nn.Conv2d(24, 1, kernel_size=1)

    def forward(self, img):
        return self.out(F.relu(self.stem(img)))


def loss_of(seg: Seg, img, mask):
    logits = seg(img)
    return F.cross_entropy(logits, mask.unsqueeze(1).float())  # expect: XE301
