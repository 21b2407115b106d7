# Lightning multi-label: pos_weight holds one ratio a label.
import lightning as L
import torch
from torch import nn


class LitTags(L.LightningModule):
    def __init__(self, n_tags: int, pos: torch.Tensor, total: int):
        super().__init__()
        self.head = nn.Linear(768, n_tags)
        self.loss = nn.BCEWithLogitsLoss(pos_weight=(total - pos) / pos.clamp(min=1))

    def training_step(self, batch, batch_idx):
        x, tags = batch
        loss = self.loss(self.head(x), tags.float())
        self.log("train_loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), 1e-4)
