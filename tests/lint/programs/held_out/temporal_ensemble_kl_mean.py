# A consistency term between two views with kl_div's default reduction, over 1000 classes.
import torch
import torch.nn.functional as F


def consistency(model, x_weak, x_strong, w):
    with torch.no_grad():
        target = F.softmax(model(x_weak), dim=1)
    log_p = F.log_softmax(model(x_strong), dim=1)
    return w * F.kl_div(log_p, target)  # expect: XE205


def consistency_sum(model, x_weak, x_strong, w):
    with torch.no_grad():
        target = F.softmax(model(x_weak), dim=1)
    log_p = F.log_softmax(model(x_strong), dim=1)
    return w * F.kl_div(log_p, target, reduction="sum") / x_weak.size(0)
