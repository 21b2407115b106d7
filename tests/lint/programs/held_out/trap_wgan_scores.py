# A Wasserstein critic and a hinge GAN have no sigmoid and no cross-entropy at all: right.
import torch
import torch.nn.functional as F
from torch import nn

critic = nn.Sequential(nn.Conv2d(3, 32, 4, 2), nn.LeakyReLU(0.2), nn.Flatten(), nn.LazyLinear(1))
generator = nn.Sequential(nn.ConvTranspose2d(64, 3, 4), nn.Tanh())


def wasserstein(real, z):
    fake = generator(z)
    return critic(fake.detach()).mean() - critic(real).mean(), -critic(fake).mean()


def hinge(real, z):
    fake = generator(z)
    d = F.relu(1 - critic(real)).mean() + F.relu(1 + critic(fake.detach())).mean()
    return d, -critic(fake).mean()


def non_saturating(real, z):
    fake = generator(z)
    return F.softplus(-critic(real)).mean() + F.softplus(critic(fake.detach())).mean()
