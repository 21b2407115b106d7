# Q-learning: argmax and detach belong to the target, and the loss keeps the graph of the prediction: right.
import torch
import torch.nn.functional as F
from torch import nn

q_net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))
target_net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))


def td_loss(s, a, r, s2, done, gamma=0.99):
    q = q_net(s).gather(1, a.unsqueeze(1)).squeeze(1)
    best = q_net(s2).argmax(dim=1, keepdim=True)
    q2 = target_net(s2).gather(1, best).squeeze(1).detach()
    return F.smooth_l1_loss(q, r + gamma * q2 * (1 - done))


def a2c_loss(logits, values, actions, returns):
    adv = returns - values
    logp = F.log_softmax(logits, dim=-1).gather(1, actions[:, None]).squeeze(1)
    return -(logp * adv.detach()).mean() + 0.5 * adv.pow(2).mean()


def act(state, epsilon):
    if torch.rand(()) > epsilon:
        return q_net(state).argmax().item()
    return int(torch.randint(0, 2, ()))
