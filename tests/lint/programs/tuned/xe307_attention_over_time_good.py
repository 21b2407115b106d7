# Attention pooling: scores of shape (batch, time, 1) are normalised over time, dim 1, and that is what is wanted.
import torch
from torch import nn
import torch.nn.functional as F


class AttnPool(nn.Module):
    def __init__(self, d, n_classes):
        super().__init__()
        self.score = nn.Linear(d, 1)
        self.out = nn.Linear(d, n_classes)

    def forward(self, h, lengths):
        # h: (batch, time, d)
        s = self.score(torch.tanh(h))
        mask = torch.arange(h.size(1), device=h.device)[None, :] >= lengths[:, None]
        a = F.softmax(s.masked_fill(mask.unsqueeze(-1), float("-inf")), dim=1)
        return self.out((a * h).sum(dim=1)), a.squeeze(-1)


def loss_of(model: AttnPool, h, lengths, y):
    logits, attention = model(h, lengths)
    entropy_reg = (attention**2).sum(dim=1).mean()
    return F.cross_entropy(logits, y) + 1e-3 * entropy_reg
