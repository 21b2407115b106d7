# Straight-through estimators and targets without gradient: detach is there on purpose, and the graph reaches the loss.
import torch
import torch.nn.functional as F
from torch import nn


class VQ(nn.Module):
    def __init__(self, n=512, d=64):
        super().__init__()
        self.codebook = nn.Embedding(n, d)

    def forward(self, z):
        idx = torch.cdist(z, self.codebook.weight).argmin(dim=1)
        q = self.codebook(idx)
        loss = F.mse_loss(q, z.detach()) + 0.25 * F.mse_loss(z, q.detach())
        return z + (q - z).detach(), loss


def q_learning(net, target_net, s, a, r, s2, done, gamma=0.99):
    q = net(s).gather(1, a[:, None]).squeeze(1)
    with torch.no_grad():
        best = net(s2).argmax(dim=1, keepdim=True)
        y = r + gamma * (1 - done) * target_net(s2).gather(1, best).squeeze(1)
    return F.smooth_l1_loss(q, y)
