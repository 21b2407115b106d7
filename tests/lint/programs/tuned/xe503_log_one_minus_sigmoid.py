# Saturating GAN loss by hand: log(1 - sigmoid(score)) is -inf as soon as the sigmoid rounds to one.
import torch
import torch.nn.functional as F


def discriminator_loss(d_real: torch.Tensor, d_fake: torch.Tensor) -> torch.Tensor:
    real = F.logsigmoid(d_real)
    fake = torch.log(1 - torch.sigmoid(d_fake))  # expect: XE503
    return -(real + fake).mean()
