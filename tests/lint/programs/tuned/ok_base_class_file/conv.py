from torch import nn

from base import BaseNet


class ConvNet(BaseNet):
    def __init__(self, n_classes=10):
        super().__init__(64, n_classes)
        self.conv = nn.Conv2d(1, 64, 5, stride=2)

    def features(self, x):
        return self.conv(x).mean((2, 3))


class ServingNet(ConvNet):
    def __init__(self, n_classes=10):
        super().__init__(n_classes)
        self.activation = nn.Softmax(dim=1)
