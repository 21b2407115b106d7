# Lightning: forward gives probabilities for serving, while the steps go to the inner network for logits: right.
import pytorch_lightning as pl
import torch
import torch.nn.functional as F
from torch import nn


class LitTabular(pl.LightningModule):
    def __init__(self, n_features, n_classes):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(n_features, 64), nn.SiLU(), nn.Linear(64, n_classes))
        self.loss_fn = nn.CrossEntropyLoss()

    def forward(self, x):
        return F.softmax(self.net(x), dim=1)

    def predict_step(self, batch, batch_idx):
        return self(batch[0])

    def training_step(self, batch, batch_idx):
        x, y = batch
        z = self.net(x)
        loss = self.loss_fn(z, y)
        self.log("train_acc", (z.softmax(1).argmax(1) == y).float().mean())
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
