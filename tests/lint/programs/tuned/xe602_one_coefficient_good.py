# A coefficient of one entry meets a column: (1,) broadcasts to (n, 1), not to (n, n).
import torch
from torch import nn


class Agent(nn.Module):
    def __init__(self, actor, critic, start=1.0):
        super().__init__()
        self.actor = actor
        self.critic = critic
        self.log_coefficient = torch.log(torch.ones(1) * start).requires_grad_(True)

    def actor_loss(self, observations):
        actions, log_prob = self.actor(observations)
        log_prob = log_prob.reshape(-1, 1)
        coefficient_loss = -(self.log_coefficient * (log_prob - actions.shape[1]).detach()).mean()
        coefficient = torch.exp(self.log_coefficient.detach())
        values = torch.cat(self.critic(observations, actions), dim=1).min(dim=1, keepdim=True).values
        return (coefficient * log_prob - values).mean() + coefficient_loss
