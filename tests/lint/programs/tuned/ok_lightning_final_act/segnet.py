# The same SegNet with its final activation left out for BCEWithLogitsLoss, and with Sigmoid for BCELoss.
from torch import nn


class SegNet(nn.Module):
    def __init__(self, channels=3, width=32, final_act=None):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.mid = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.out = nn.Conv2d(width, 1, 1)
        self.final_act = final_act if final_act is not None else nn.Identity()

    def forward(self, x):
        return self.final_act(self.out(self.mid(self.stem(x))))
