# A discriminator ends with a sigmoid: BCELoss on it is right, the second loss with logits is not.
import torch
import torch.nn as nn

nz, ngf, ndf = 100, 64, 64

netD = nn.Sequential(
    nn.Conv2d(1, ndf, 4, 2, 1, bias=False),
    nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(ndf, 1, 14, 1, 0, bias=False),
    nn.Sigmoid(),
)
criterion = nn.BCELoss()
criterion_aux = nn.BCEWithLogitsLoss()


def d_step(real, fake):
    b_size = real.size(0)
    label = torch.full((b_size,), 1.0)
    out_real = netD(real).view(-1)
    errD_real = criterion(out_real, label)
    label.fill_(0.0)
    out_fake = netD(fake.detach()).view(-1)
    errD_fake = criterion(out_fake, label)
    return errD_real + errD_fake


def g_step(fake):
    out = netD(fake).view(-1)
    return criterion_aux(out, torch.ones_like(out))  # expect: XE102
