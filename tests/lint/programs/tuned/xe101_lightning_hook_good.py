# A LightningModule: forward gives logits to the loss, predict_step alone takes the softmax.
import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional as F


class LitGarbage(pl.LightningModule):
    def __init__(self, in_dim: int = 40, hidden: int = 64, n_cls: int = 6, lr: float = 1e-3):
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.LSTM(in_dim, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, n_cls)

    def forward(self, x):
        h, _ = self.encoder(x)
        return self.head(h[:, -1])

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.cross_entropy(self(x), y)
        self.log("train/loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        y_hat = self(x)
        self.log("val/loss", F.cross_entropy(y_hat, y), prog_bar=True)
        y_hat = torch.softmax(y_hat, dim=-1)
        self.log("val/acc", (y_hat.argmax(-1) == y).float().mean(), prog_bar=True)

    def predict_step(self, batch, batch_idx):
        return torch.softmax(self(batch), dim=-1)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=self.hparams.lr)
