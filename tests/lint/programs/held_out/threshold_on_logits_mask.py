# The predicted mask cuts the raw output at 0.5, though the model is trained with BCEWithLogitsLoss.
import torch
from torch import nn


class LungNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv3d(1, 8, 3, padding=1), nn.ReLU())
        self.last = nn.Conv3d(8, 1, 1)

    def forward(self, ct):
        return self.last(self.body(ct))


model = LungNet()
loss_fn = nn.BCEWithLogitsLoss()


def train_step(ct, mask, opt):
    opt.zero_grad()
    loss = loss_fn(model(ct), mask)
    loss.backward()
    opt.step()


@torch.no_grad()
def segment(ct):
    out = model(ct)
    return (out > 0.5).to(torch.uint8)  # expect: XE308
