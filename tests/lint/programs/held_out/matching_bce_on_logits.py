# A two-tower network forgets the sigmoid: its last layer is linear and the functional loss wants probabilities.
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy


class NeuMF(nn.Module):
    def __init__(self, n_users, n_items, dim=32):
        super().__init__()
        self.user = nn.Embedding(n_users, dim)
        self.item = nn.Embedding(n_items, dim)
        self.mlp = nn.Sequential(nn.Linear(2 * dim, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.affine = nn.Linear(32, 1)

    def forward(self, u, i):
        z = torch.cat([self.user(u), self.item(i)], dim=-1)
        return self.affine(self.mlp(z)).squeeze(-1)


def train(model: NeuMF, batches, opt):
    for users, items, clicked in batches:
        opt.zero_grad()
        score = model(users, items)
        loss = binary_cross_entropy(score, clicked.float())  # expect: XE206
        loss.backward()
        opt.step()
