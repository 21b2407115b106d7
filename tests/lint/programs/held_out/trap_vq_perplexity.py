# The codebook's perplexity is exp of an entropy with log(mean + eps), and the means are of one-hot rows: right.
import torch
import torch.nn.functional as F
from torch import nn


class VectorQuantizer(nn.Module):
    def __init__(self, n=512, d=64, beta=0.25):
        super().__init__()
        self.book = nn.Embedding(n, d)
        self.beta = beta

    def forward(self, z):
        dist = torch.cdist(z, self.book.weight)
        idx = dist.argmin(1)
        enc = F.one_hot(idx, self.book.num_embeddings).float()
        q = self.book(idx)
        loss = F.mse_loss(q, z.detach()) + self.beta * F.mse_loss(q.detach(), z)
        q = z + (q - z).detach()
        usage = enc.mean(0)
        perplexity = torch.exp(-torch.sum(usage * torch.log(usage + 1e-10)))
        return q, loss, perplexity
