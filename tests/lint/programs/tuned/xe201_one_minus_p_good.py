# nll_loss picks −p of the label, and 1 is added: the focal weight 1 − p, meant so.
import torch.nn.functional as F


def focal_loss(logits, target, gamma=2.0):
    weight = F.nll_loss(F.softmax(logits, dim=1), target, reduction="none")
    weight += 1.0
    return (weight**gamma * F.nll_loss(F.log_softmax(logits, dim=1), target, reduction="none")).mean()
