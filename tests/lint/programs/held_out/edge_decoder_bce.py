# A graph autoencoder: the decoder's inner product goes through a sigmoid by default before the loss: right.
import torch
import torch.nn.functional as F
from torch import nn


class InnerProductDecoder(nn.Module):
    def forward(self, z, edge_index, sigmoid=True):
        value = (z[edge_index[0]] * z[edge_index[1]]).sum(dim=1)
        return torch.sigmoid(value) if sigmoid else value


class GAE(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.decoder = InnerProductDecoder()

    def loss(self, z, pos, neg):
        p = self.decoder(z, pos)
        n = self.decoder(z, neg)
        scores = torch.cat([p, n])
        labels = torch.cat([torch.ones_like(p), torch.zeros_like(n)])
        return F.binary_cross_entropy(scores, labels)

    def stable_loss(self, z, pos):
        p = self.decoder(z, pos, sigmoid=False)
        return F.binary_cross_entropy_with_logits(p, torch.ones_like(p))
