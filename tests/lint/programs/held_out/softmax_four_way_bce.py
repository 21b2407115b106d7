# A four-way softmax is the last layer of a Sequential that a Lightning module trains with binary_cross_entropy.
import pytorch_lightning as pl
import torch
from torch import nn
import torch.nn.functional as F


class Grader(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(40, 80), nn.Tanh(), nn.Linear(80, 4), nn.Softmax(dim=1))

    def forward(self, x):
        return self.mlp(x)

    def training_step(self, batch, batch_idx):
        x, y_onehot = batch
        pred = self(x)
        loss = F.binary_cross_entropy(pred, y_onehot)  # expect: XE303
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
