# Entropy from log_softmax or Categorical; log(x + 1e-8) of magnitudes that are no probabilities is fine.
import torch
import torch.nn.functional as F
from torch.distributions import Categorical


def entropy(logits):
    logp = F.log_softmax(logits, dim=-1)
    return -(logp.exp() * logp).sum(-1)


def policy_loss(net, obs, actions, advantages, beta=0.01):
    dist = Categorical(logits=net(obs))
    return -(dist.log_prob(actions) * advantages).mean() - beta * dist.entropy().mean()


def log_mel(wave, fb):
    power = torch.stft(wave, 512, return_complex=True).abs() ** 2
    return torch.log(fb @ power + 1e-8)
