# A loss that offers torch's own choice of reduction leaves it to its caller.
import torch.nn.functional as F
from torch import nn


class Divergence(nn.Module):
    def __init__(self, reduction: str = "mean", log_target: bool = False):
        super().__init__()
        self.reduction = reduction
        self.log_target = log_target

    def forward(self, log_probs, target):
        return F.kl_div(log_probs, target, reduction=self.reduction, log_target=self.log_target)


def divergence(log_probs, target, reduction="mean"):
    return F.kl_div(log_probs, target, reduction=reduction)
