# Focal loss for detection from unreduced BCE with logits, and torchvision's own sigmoid_focal_loss.
import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss


def focal(logits, targets, alpha=0.25, gamma=2.0):
    p = torch.sigmoid(logits)
    ce = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p_t = p * targets + (1 - p) * (1 - targets)
    a_t = alpha * targets + (1 - alpha) * (1 - targets)
    return (a_t * (1 - p_t) ** gamma * ce).sum() / targets.sum().clamp(min=1)


def library(logits, targets):
    return sigmoid_focal_loss(logits, targets, reduction="mean")
