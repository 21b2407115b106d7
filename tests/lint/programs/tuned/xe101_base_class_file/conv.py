from torch import nn

from base import BaseNet


class ConvNet(BaseNet):
    def __init__(self, n_classes=10):
        super().__init__(64, n_classes)
        self.conv = nn.Conv2d(1, 64, 5, stride=2)
        self.activation = nn.Softmax(dim=1)

    def features(self, x):
        return self.conv(x).mean((2, 3))
