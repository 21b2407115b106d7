# A detector's class loss: logits to binary_cross_entropy_with_logits, the sigmoid only for the focal factor: right.
import torch
import torch.nn.functional as F
from torch import nn

cls_head = nn.Conv2d(256, 9 * 80, 3, padding=1)


def sigmoid_focal(logits, targets, alpha=0.25, gamma=2.0):
    p = torch.sigmoid(logits)
    ce = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p_t = p * targets + (1 - p) * (1 - targets)
    w = alpha * targets + (1 - alpha) * (1 - targets)
    return w * (1 - p_t) ** gamma * ce


def class_loss(feats, targets, n_pos):
    logits = cls_head(feats).view(feats.size(0), 9, 80, *feats.shape[2:]).permute(0, 3, 4, 1, 2).reshape(-1, 80)
    return sigmoid_focal(logits, targets).sum() / max(1, n_pos)
