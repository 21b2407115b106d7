# The discriminator ends in Sigmoid, and the generator's loss takes the log of one minus its output.
import torch
from torch import nn

D = nn.Sequential(nn.Linear(784, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1), nn.Sigmoid())
G = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh())
g_opt = torch.optim.Adam(G.parameters(), 2e-4)


def g_step(n=64):
    fake = G(torch.randn(n, 64))
    loss = torch.mean(torch.log(1 - D(fake)))  # expect: XE503
    g_opt.zero_grad()
    loss.backward()
    g_opt.step()
