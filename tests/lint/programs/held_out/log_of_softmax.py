# A policy's log-probabilities by log(softmax), which underflows to -inf, beside log_softmax.
import torch
import torch.nn as nn
import torch.nn.functional as F


class Policy(nn.Module):
    def __init__(self, obs=8, act=4):
        super().__init__()
        self.l1 = nn.Linear(obs, 64)
        self.l2 = nn.Linear(64, act)

    def forward(self, s):
        return self.l2(F.relu(self.l1(s)))


def reinforce(pi: Policy, states, actions, returns):
    logp = torch.log(F.softmax(pi(states), dim=-1))  # expect: XE501
    chosen = logp.gather(1, actions.unsqueeze(1)).squeeze(1)
    return -(chosen * returns).mean()


def reinforce_stable(pi: Policy, states, actions, returns):
    logp = F.log_softmax(pi(states), dim=-1)
    chosen = logp.gather(1, actions.unsqueeze(1)).squeeze(1)
    return -(chosen * returns).mean()
