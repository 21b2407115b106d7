# log(x + eps) of spectrograms, counts and distances, with no softmax in it: right.
import torch
import torch.nn.functional as F
from torch import nn

net = nn.Sequential(nn.Conv1d(80, 64, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(64, 10))


def features(power, eps=1e-6):
    return torch.log(power + eps)


def class_prior(y, k):
    freq = torch.bincount(y, minlength=k).float() / y.numel()
    return torch.log(freq + 1e-12)


def adjusted_loss(power, y, prior):
    z = net(features(power)) + prior
    return F.cross_entropy(z, y)


def entropy(z):
    logp = F.log_softmax(z, dim=-1)
    return -(logp.exp() * logp).sum(-1)
