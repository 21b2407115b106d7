# A distance has no first and second: what is cut off is the target, though it is given first.
import torch
import torch.nn.functional as F
from torch import nn


class TiedAutoencoder(nn.Module):
    def __init__(self, width, latent):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(latent, width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, features):
        return F.linear(F.linear(features, self.weight), self.weight.t(), self.bias)


autoencoder = TiedAutoencoder(64, 8)
distance = nn.MSELoss()


def step(extractor, images, optimizer):
    features = extractor(images).flatten(1).detach()
    loss = distance(features, autoencoder(features))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
