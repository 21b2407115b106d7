# A detector's softmax belongs to the test phase only, and the network is built for training: right.
import torch
import torch.nn.functional as F
from torch import nn


class SSD(nn.Module):
    def __init__(self, phase, num_classes):
        super().__init__()
        self.phase = phase
        self.num_classes = num_classes
        self.conf = nn.Conv2d(256, 4 * num_classes, 3, padding=1)
        if phase == "test":
            self.softmax = nn.Softmax(dim=-1)

    def forward(self, x):
        conf = self.conf(x).permute(0, 2, 3, 1).contiguous()
        conf = conf.view(conf.size(0), -1, self.num_classes)
        if self.phase == "test":
            return self.softmax(conf)
        return conf


net = SSD("train", 21)


def conf_loss(feats, matched):
    conf = net(feats)
    return F.cross_entropy(conf.view(-1, 21), matched.view(-1))
