# The functional form with weight=, in a Lightning module whose comment says that positives count ten times.
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn


class Defects(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))
        # defects are rare, count them ten times
        self.register_buffer("w", torch.tensor([10.0]))

    def training_step(self, batch, _):
        img, mask = batch
        return F.binary_cross_entropy_with_logits(self.net(img), mask, weight=self.w)  # expect: XE405

    def validation_step(self, batch, _):
        img, mask = batch
        self.log("val", F.binary_cross_entropy_with_logits(self.net(img), mask, pos_weight=self.w))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
