# A relativistic GAN: the critic has no sigmoid and the difference of two scores goes into BCEWithLogitsLoss: right.
import torch
from torch import nn

critic = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1))
generator = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784), nn.Sigmoid())
bce = nn.BCEWithLogitsLoss()


def losses(real):
    z = torch.randn(real.size(0), 64)
    fake = generator(z)
    c_real, c_fake = critic(real), critic(fake.detach())
    d_loss = bce(c_real - c_fake, torch.ones_like(c_real))
    g_fake = critic(fake)
    g_loss = bce(g_fake - c_real.detach(), torch.ones_like(g_fake))
    return d_loss, g_loss
