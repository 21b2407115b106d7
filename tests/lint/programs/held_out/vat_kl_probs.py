# Virtual adversarial training with a helper that hands the softmax of the noisy pass to kl_div.
import torch
from torch import nn
from torch.nn.functional import kl_div, softmax

encoder = nn.Sequential(nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 12))


def probabilities(x):
    return softmax(encoder(x), dim=-1)


def vat_loss(x, eps=1.0):
    with torch.no_grad():
        clean = probabilities(x)
    d = nn.functional.normalize(torch.randn_like(x), dim=-1)
    noisy = probabilities(x + eps * d)
    return kl_div(noisy, clean, reduction="sum") / x.size(0)  # expect: XE204
