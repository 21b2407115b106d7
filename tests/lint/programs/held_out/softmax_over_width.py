# A probability map takes its softmax over the last axis of (N, C, H, W), which is the width.
import torch
from torch import nn
from torch.nn import functional as F

head = nn.Conv2d(256, 19, kernel_size=1)


@torch.no_grad()
def class_map(features):
    logits = head(features)
    logits = F.interpolate(logits, scale_factor=8, mode="bilinear", align_corners=False)
    probs = F.softmax(logits, dim=-1)  # expect: XE307
    return probs.max(dim=1)


@torch.no_grad()
def class_map_fixed(features):
    logits = head(features)
    probs = F.softmax(logits, dim=1)
    return probs.max(dim=1)
