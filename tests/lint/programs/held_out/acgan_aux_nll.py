# AC-GAN: the source head is a sigmoid with BCELoss (right), the class head a softmax with nll_loss (wrong).
import torch
import torch.nn as nn
import torch.nn.functional as F


class Discriminator(nn.Module):
    def __init__(self, n_classes=10):
        super().__init__()
        self.feats = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.LeakyReLU(0.2), nn.Flatten())
        self.fc_dis = nn.Linear(16 * 16 * 16, 1)
        self.fc_aux = nn.Linear(16 * 16 * 16, n_classes)

    def forward(self, x):
        h = self.feats(x)
        realfake = torch.sigmoid(self.fc_dis(h)).view(-1)
        classes = F.softmax(self.fc_aux(h), dim=1)
        return realfake, classes


netD = Discriminator()


def d_loss(real, labels):
    dis_output, aux_output = netD(real)
    dis_err = F.binary_cross_entropy(dis_output, torch.ones_like(dis_output))
    aux_err = F.nll_loss(aux_output, labels)  # expect: XE201
    return dis_err + aux_err
