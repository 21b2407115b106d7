import lightning as L
import torch
from torch import nn

from segnet import SegNet


class LitSeg(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = SegNet(width=64)
        self.loss = nn.BCEWithLogitsLoss()

    def training_step(self, batch, _):
        image, mask = batch
        return self.loss(self.net(image), mask)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 1e-3)


class LitProb(LitSeg):
    def __init__(self):
        super().__init__()
        self.net = SegNet(width=64, final_act=nn.Sigmoid())
        self.loss = nn.BCELoss()
