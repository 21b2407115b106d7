# F.kl_div with reduction="mean" in a Lightning module for age distributions.
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn


class AgeDistribution(pl.LightningModule):
    def __init__(self, dim=512, bins=101):
        super().__init__()
        self.out = nn.Linear(dim, bins)

    def forward(self, x):
        return self.out(x)

    def training_step(self, batch, _):
        x, dist = batch
        logp = F.log_softmax(self(x), dim=1)
        loss = F.kl_div(logp, dist, reduction="mean")  # expect: XE205
        self.log("kl", loss)
        return loss

    def validation_step(self, batch, _):
        x, dist = batch
        logp = F.log_softmax(self(x), dim=1)
        self.log("val_kl", F.kl_div(logp, dist, reduction="batchmean"))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
