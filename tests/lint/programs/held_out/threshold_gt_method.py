# Tensor.gt is the same comparison: a linear spam filter cut at 0.5, beside a right one with expit.
import numpy as np
import torch
import torch.nn.functional as F
from scipy.special import expit
from torch import nn

spam = nn.Linear(5000, 1)


def fit(batches, opt):
    for x, y in batches:
        opt.zero_grad()
        F.binary_cross_entropy_with_logits(spam(x).squeeze(1), y.float()).backward()
        opt.step()


def flag(x):
    with torch.no_grad():
        z = spam(x).squeeze(1)
    return z.gt(0.5)  # expect: XE308


def flag_numpy(x):
    with torch.no_grad():
        z = spam(x).squeeze(1).numpy()
    return expit(z) > 0.5
