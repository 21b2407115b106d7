# A Gumbel softmax and a soft embedding go into another network, whose outputs are linear: right.
import torch
import torch.nn.functional as F
from torch import nn

generator = nn.Linear(32, 1000)
embedding = nn.Embedding(1000, 64)
critic = nn.Sequential(nn.Linear(64, 64), nn.LeakyReLU(0.2), nn.Linear(64, 2))


def adversarial_loss(z, tau=0.7):
    words = F.gumbel_softmax(generator(z), tau=tau, hard=True, dim=-1)
    logits = critic(words @ embedding.weight)
    return F.cross_entropy(logits, torch.ones(len(z), dtype=torch.long))


def soft_lookup(scores):
    return torch.softmax(scores, dim=-1) @ embedding.weight
