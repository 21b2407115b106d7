import lightning as L
import torch
from torch import nn

from segnet import SegNet


class LitSeg(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = SegNet(width=64, final_act=nn.Sigmoid())
        self.loss = nn.BCEWithLogitsLoss()

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, _):
        image, mask = batch
        loss = self.loss(self(image), mask)  # expect: XE102
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-3)
