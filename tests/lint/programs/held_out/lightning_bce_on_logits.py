# Lightning: nn.BCELoss as an attribute, and a forward whose last layer is linear.
import pytorch_lightning as pl
import torch
from torch import nn


class Depression(pl.LightningModule):
    def __init__(self, n_in):
        super().__init__()
        self.lstm = nn.LSTM(n_in, 32, batch_first=True)
        self.fc = nn.Linear(32, 1)
        self.loss = nn.BCELoss()

    def forward(self, x):
        _, (h, _) = self.lstm(x)
        return self.fc(h[-1])

    def training_step(self, batch, batch_idx):
        x, y = batch
        y_hat = self(x).squeeze(1)
        return self.loss(y_hat, y.float())  # expect: XE206

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
