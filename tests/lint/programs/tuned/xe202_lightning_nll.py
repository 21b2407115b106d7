# Lightning: forward returns the linear layer's output, and each hook calls F.nll_loss on it.
import pytorch_lightning as pl
import torch
import torch.nn.functional as F


class LitMNIST(pl.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer_1 = torch.nn.Linear(28 * 28, 128)
        self.layer_2 = torch.nn.Linear(128, 10)

    def forward(self, x):
        x = torch.relu(self.layer_1(x.flatten(1)))
        return self.layer_2(x)

    def shared_step(self, batch):
        x, y = batch
        return F.nll_loss(self(x), y)  # expect: XE202

    def training_step(self, batch, batch_idx):
        return self.shared_step(batch)

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", self.shared_step(batch))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
