# Multi-label predictions of a Lightning module: forward is linear and predict_step cuts it with torch.where at .5.
import lightning.pytorch as pl
import torch
from torch import nn


class Tags(pl.LightningModule):
    def __init__(self, dim=768, n=40):
        super().__init__()
        self.fc = nn.Linear(dim, n)
        self.criterion = nn.BCEWithLogitsLoss()

    def forward(self, x):
        return self.fc(x)

    def training_step(self, batch, i):
        x, y = batch
        return self.criterion(self(x), y)

    def predict_step(self, batch, i):
        y_hat = self(batch[0])
        return torch.where(y_hat >= 0.5, 1, 0)  # expect: XE308

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
