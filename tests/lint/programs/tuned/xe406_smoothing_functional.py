# F.cross_entropy with both a steep weight vector and label_smoothing.
import torch
import torch.nn.functional as F

ALARM_WEIGHTS = torch.tensor([1.0, 1.0, 100.0, 100.0])


def step(net, xb, yb):
    logits = net(xb)
    return F.cross_entropy(logits, yb, weight=ALARM_WEIGHTS.to(xb.device), label_smoothing=0.1)  # expect: XE406
