# One-hot and mixup rows that sum to one are proper soft targets for F.cross_entropy.
import numpy as np
import torch
import torch.nn.functional as F

N_CLASSES = 40


def mixup_loss(model, x, y, alpha=0.2):
    lam = float(np.random.beta(alpha, alpha))
    perm = torch.randperm(x.size(0))
    target = F.one_hot(y, N_CLASSES).float()
    target = lam * target + (1 - lam) * target[perm]
    return F.cross_entropy(model(lam * x + (1 - lam) * x[perm]), target)


class VoteHead(torch.nn.Module):
    """Annotators' votes, normalised: each row is a distribution over the classes."""

    def __init__(self, d=384):
        super().__init__()
        self.proj = torch.nn.Linear(d, N_CLASSES)

    def forward(self, emb, votes):
        counts = F.one_hot(votes, N_CLASSES).sum(dim=1).float()
        target = counts / counts.sum(dim=1, keepdim=True)
        return F.cross_entropy(self.proj(emb), target)
