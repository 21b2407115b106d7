# An entropy bonus and a cross-entropy with log(p + eps) where p is a softmax.
import torch
import torch.nn.functional as F
from torch import nn

actor = nn.Sequential(nn.Linear(10, 64), nn.Tanh(), nn.Linear(64, 5))


def actor_loss(obs, act, adv, beta=0.01, eps=1e-8):
    probs = F.softmax(actor(obs), dim=-1)
    logp = torch.log(probs + eps)  # expect: XE504
    ent = -(probs * logp).sum(-1).mean()
    pg = -(logp[torch.arange(len(act)), act] * adv).mean()
    return pg - beta * ent
