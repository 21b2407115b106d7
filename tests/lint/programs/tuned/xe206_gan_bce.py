# A DCGAN discriminator lost its final Sigmoid, yet the adversarial losses are still nn.BCELoss.
import torch
import torch.nn as nn

nz, ndf = 100, 64


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(3, ndf, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf, ndf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ndf * 2),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Conv2d(ndf * 2, 1, 4, 1, 0, bias=False),
        )

    def forward(self, x):
        return self.main(x).view(-1)


netD = Discriminator()
criterion = nn.BCELoss()
optimizerD = torch.optim.Adam(netD.parameters(), lr=2e-4, betas=(0.5, 0.999))


def d_step(real, fake):
    netD.zero_grad()
    out_real = netD(real)
    errD_real = criterion(out_real, torch.ones_like(out_real))  # expect: XE206
    errD_real.backward()
    out_fake = netD(fake.detach())
    errD_fake = criterion(out_fake, torch.zeros_like(out_fake))  # expect: XE206
    errD_fake.backward()
    optimizerD.step()
    return errD_real.item() + errD_fake.item()
