# REINFORCE: the policy ends in Softmax, actions are sampled and the loss is -log_prob * return.
import torch
from torch import nn
from torch.distributions import Categorical


class Policy(nn.Module):
    def __init__(self, n_obs=4, n_act=2):
        super().__init__()
        self.affine1 = nn.Linear(n_obs, 128)
        self.affine2 = nn.Linear(128, n_act)

    def forward(self, x):
        return torch.softmax(self.affine2(torch.relu(self.affine1(x))), dim=-1)


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=1e-2)


def act(obs):
    dist = Categorical(policy(torch.as_tensor(obs, dtype=torch.float32)))
    a = dist.sample()
    return a.item(), dist.log_prob(a)


def finish_episode(log_probs, rewards, gamma=0.99):
    R, returns = 0.0, []
    for r in reversed(rewards):
        R = r + gamma * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + 1e-8)
    loss = torch.stack([-lp * g for lp, g in zip(log_probs, returns)]).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
