# Lightning: forward gives probabilities for serving, and the shared step hands them to the cross-entropy.
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn


class LitTabular(pl.LightningModule):
    def __init__(self, n_features, n_classes, lr=1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(n_features, 64), nn.SiLU(), nn.Linear(64, n_classes))
        self.loss_fn = nn.CrossEntropyLoss()

    def forward(self, x):
        return F.softmax(self.net(x), dim=1)

    def _shared_step(self, batch, stage):
        x, y = batch
        y_hat = self(x)
        loss = self.loss_fn(y_hat, y)  # expect: XE101
        self.log(f"{stage}_loss", loss, prog_bar=True)
        return loss

    def training_step(self, batch, batch_idx):
        return self._shared_step(batch, "train")

    def validation_step(self, batch, batch_idx):
        self._shared_step(batch, "val")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
