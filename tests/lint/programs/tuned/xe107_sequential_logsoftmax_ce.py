# Sequential with a LogSoftmax at its end and F.cross_entropy in the loop (information only).
import torch
from torch import nn
import torch.nn.functional as F

layers = [nn.Linear(8, 64), nn.ELU(), nn.Linear(64, 64), nn.ELU(), nn.Linear(64, 3)]
layers.append(nn.LogSoftmax(dim=1))
policy = nn.Sequential(*layers)
optim = torch.optim.Adam(policy.parameters())


def behaviour_cloning(states, actions, n_iter=1000):
    for _ in range(n_iter):
        idx = torch.randint(0, len(states), (128,))
        loss = F.cross_entropy(policy(states[idx]), actions[idx])  # expect: XE107
        optim.zero_grad()
        loss.backward()
        optim.step()
