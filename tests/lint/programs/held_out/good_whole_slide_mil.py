# Multiple-instance learning: gated attention over the patches, one logit a slide, BCEWithLogitsLoss: right.
import lightning.pytorch as pl
import torch
from torch import nn
from torchmetrics import AUROC


class GatedAttention(nn.Module):
    def __init__(self, d, h=128):
        super().__init__()
        self.v = nn.Sequential(nn.Linear(d, h), nn.Tanh())
        self.u = nn.Sequential(nn.Linear(d, h), nn.Sigmoid())
        self.w = nn.Linear(h, 1)

    def forward(self, x):
        a = self.w(self.v(x) * self.u(x))
        return torch.softmax(a, dim=0)


class MIL(pl.LightningModule):
    def __init__(self, d=1024):
        super().__init__()
        self.attention, self.head = GatedAttention(d), nn.Linear(d, 1)
        self.loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(3.0))
        self.auc = AUROC(task="binary")

    def forward(self, bag):
        return self.head((self.attention(bag) * bag).sum(0)).squeeze(-1)

    def training_step(self, batch, _):
        bag, y = batch
        return self.loss(self(bag), y.float())

    def validation_step(self, batch, _):
        bag, y = batch
        p = torch.sigmoid(self(bag))
        self.auc.update(p, y)
        self.log("positive", (p > 0.5).float())

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=2e-4)
