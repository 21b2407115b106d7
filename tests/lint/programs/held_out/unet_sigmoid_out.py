# A U-Net's forward ends with a sigmoid, and the training loop has BCEWithLogitsLoss.
import torch
import torch.nn as nn
import torch.optim as optim


class DoubleConv(nn.Module):
    def __init__(self, in_ch, out_ch):
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(in_ch, out_ch, 3, padding=1), nn.BatchNorm2d(out_ch), nn.ReLU(inplace=True),
            nn.Conv2d(out_ch, out_ch, 3, padding=1), nn.BatchNorm2d(out_ch), nn.ReLU(inplace=True),
        )

    def forward(self, x):
        return self.conv(x)


class TinyUNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = DoubleConv(3, 32)
        self.pool = nn.MaxPool2d(2)
        self.mid = DoubleConv(32, 64)
        self.up = nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.dec = DoubleConv(64, 32)
        self.outc = nn.Conv2d(32, 1, 1)

    def forward(self, x):
        d = self.down(x)
        u = self.up(self.mid(self.pool(d)))
        x = self.dec(torch.cat([d, u], dim=1))
        return torch.sigmoid(self.outc(x))


def train_fn(loader, model: TinyUNet, optimizer, loss_fn, scaler):
    for data, targets in loader:
        targets = targets.float().unsqueeze(1)
        with torch.cuda.amp.autocast():
            predictions = model(data)
            loss = loss_fn(predictions, targets)  # expect: XE102
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()


if __name__ == "__main__":
    net = TinyUNet()
    train_fn([], net, optim.Adam(net.parameters(), lr=1e-4), nn.BCEWithLogitsLoss(), torch.cuda.amp.GradScaler())
