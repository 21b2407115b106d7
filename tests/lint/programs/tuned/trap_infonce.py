# Contrastive learning: cosine similarities over a temperature are the logits of the cross-entropy.
import torch
import torch.nn as nn
import torch.nn.functional as F


class SimCLR(nn.Module):
    def __init__(self, encoder, dim=512, proj=128, tau=0.1):
        super().__init__()
        self.encoder = encoder
        self.projector = nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, proj))
        self.tau = tau

    def forward(self, a, b):
        za = F.normalize(self.projector(self.encoder(a)), dim=1)
        zb = F.normalize(self.projector(self.encoder(b)), dim=1)
        sim = za @ zb.t() / self.tau
        labels = torch.arange(sim.size(0), device=sim.device)
        return 0.5 * (F.cross_entropy(sim, labels) + F.cross_entropy(sim.t(), labels))
