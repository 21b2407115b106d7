# An actor ends with a softmax and feeds torch's Categorical(probs=...), whose log_prob is the loss: right.
import torch
from torch import nn
from torch.distributions import Categorical


class Actor(nn.Module):
    def __init__(self, obs, act):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(obs, 64), nn.Tanh(), nn.Linear(64, act), nn.Softmax(dim=-1))

    def forward(self, s):
        return Categorical(probs=self.net(s))


def ppo_loss(actor: Actor, s, a, adv, old_logp, clip=0.2):
    dist = actor(s)
    ratio = (dist.log_prob(a) - old_logp.detach()).exp()
    clipped = ratio.clamp(1 - clip, 1 + clip) * adv
    return -torch.min(ratio * adv, clipped).mean() - 0.01 * dist.entropy().mean()
