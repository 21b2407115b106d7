# torchmetrics for several classes takes the argmax of logits, and the binary ones get a sigmoid: right.
import lightning as L
import torch
import torch.nn.functional as F
from torch import nn
from torchmetrics.classification import BinaryAccuracy, MulticlassAccuracy


class Two(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.kind, self.flag = nn.Linear(64, 12), nn.Linear(64, 1)
        self.acc, self.bin = MulticlassAccuracy(12), BinaryAccuracy(threshold=0.5)

    def training_step(self, batch, _):
        x, kind, flag = batch
        k, f = self.kind(x), self.flag(x).squeeze(1)
        self.acc(k, kind)
        self.bin(torch.sigmoid(f), flag)
        self.log_dict({"acc": self.acc, "flag": self.bin})
        return F.cross_entropy(k, kind) + F.binary_cross_entropy_with_logits(f, flag.float())

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters())
