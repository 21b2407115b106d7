# A U-Net style head gives logits to BCEWithLogitsLoss and to a dice term that takes the sigmoid for itself.
import torch
from torch import nn


class TinyUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU())
        self.mid = nn.Sequential(nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU())
        self.up = nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.last = nn.Conv2d(64, 1, kernel_size=1)

    def forward(self, x):
        d = self.down(x)
        m = self.mid(nn.functional.max_pool2d(d, 2))
        return self.last(torch.cat([self.up(m), d], dim=1))


def dice_loss(logits, target, smooth=1.0):
    probs = torch.sigmoid(logits)
    inter = (probs * target).sum()
    return 1 - (2 * inter + smooth) / (probs.sum() + target.sum() + smooth)


def fit(loader, epochs=20):
    model = TinyUNet().to("cuda")
    bce = nn.BCEWithLogitsLoss()
    opt = torch.optim.Adam(model.parameters(), 1e-4)
    for ep in range(epochs):
        for img, mask in loader:
            mask = mask.to("cuda").float()
            pred = model(img.to("cuda"))
            loss = bce(pred, mask) + dice_loss(pred, mask)
            opt.zero_grad()
            loss.backward()
            opt.step()
            iou = ((torch.sigmoid(pred) > 0.5) & (mask > 0.5)).sum()
