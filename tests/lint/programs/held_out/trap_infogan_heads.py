# InfoGAN: the sigmoid head goes to BCELoss, the code head's logits to cross-entropy, its softmax to a picture: right.
import torch
from torch import nn
from torch.nn import functional as F


class DQ(nn.Module):
    def __init__(self, codes=10):
        super().__init__()
        self.main = nn.Sequential(nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.1), nn.Flatten())
        self.d = nn.Sequential(nn.Linear(64 * 14 * 14, 1), nn.Sigmoid())
        self.q = nn.Linear(64 * 14 * 14, codes)

    def forward(self, x):
        h = self.main(x)
        return self.d(h).squeeze(1), self.q(h)


adv, code = nn.BCELoss(), nn.CrossEntropyLoss()


def g_loss(net: DQ, fake, c):
    real_score, q_logits = net(fake)
    return adv(real_score, torch.ones_like(real_score)) + code(q_logits, c)


def picture(net: DQ, x):
    return F.softmax(net(x)[1], dim=1)
