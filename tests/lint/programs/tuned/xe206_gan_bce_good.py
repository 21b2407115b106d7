# A DCGAN discriminator that ends in Sigmoid, with BCELoss for both players.
import torch
import torch.nn as nn

nz, ngf, ndf = 100, 64, 64

netG = nn.Sequential(
    nn.ConvTranspose2d(nz, ngf * 2, 4, 1, 0, bias=False),
    nn.BatchNorm2d(ngf * 2),
    nn.ReLU(True),
    nn.ConvTranspose2d(ngf * 2, 3, 4, 2, 1, bias=False),
    nn.Tanh(),
)
netD = nn.Sequential(
    nn.Conv2d(3, ndf, 4, 2, 1, bias=False),
    nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(ndf, 1, 4, 1, 0, bias=False),
    nn.Sigmoid(),
)
criterion = nn.BCELoss()
optD = torch.optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999))
optG = torch.optim.Adam(netG.parameters(), lr=2e-4, betas=(0.5, 0.999))


def step(real):
    z = torch.randn(real.size(0), nz, 1, 1)
    fake = netG(z)
    optD.zero_grad()
    p_real = netD(real).view(-1)
    p_fake = netD(fake.detach()).view(-1)
    d_loss = criterion(p_real, torch.ones_like(p_real)) + criterion(p_fake, torch.zeros_like(p_fake))
    d_loss.backward()
    optD.step()

    optG.zero_grad()
    p = netD(fake).view(-1)
    g_loss = criterion(p, torch.ones_like(p))
    g_loss.backward()
    optG.step()
    return d_loss.item(), g_loss.item()
