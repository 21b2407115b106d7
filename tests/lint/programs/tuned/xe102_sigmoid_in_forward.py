# A U-Net style head applies torch.sigmoid in forward, and the loss is BCEWithLogitsLoss.
import torch
from torch import nn


class DoubleConv(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(cin, cout, 3, padding=1),
            nn.BatchNorm2d(cout),
            nn.ReLU(inplace=True),
            nn.Conv2d(cout, cout, 3, padding=1),
            nn.BatchNorm2d(cout),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        return self.net(x)


class TinyUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = DoubleConv(3, 32)
        self.mid = DoubleConv(32, 64)
        self.up = nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.fuse = DoubleConv(64, 32)
        self.last = nn.Conv2d(32, 1, kernel_size=1)

    def forward(self, x):
        d = self.down(x)
        m = self.mid(nn.functional.max_pool2d(d, 2))
        u = torch.cat([self.up(m), d], dim=1)
        return torch.sigmoid(self.last(self.fuse(u)))


def fit(loader, epochs=20):
    model = TinyUNet().to("cuda")
    bce = nn.BCEWithLogitsLoss()
    opt = torch.optim.Adam(model.parameters(), 1e-4)
    for ep in range(epochs):
        for img, mask in loader:
            pred = model(img.to("cuda"))
            loss = bce(pred, mask.to("cuda").float())  # expect: XE102
            opt.zero_grad()
            loss.backward()
            opt.step()
