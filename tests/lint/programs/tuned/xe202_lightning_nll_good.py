# Lightning: log_softmax in the step right before F.nll_loss, logits in forward.
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

    def training_step(self, batch, batch_idx):
        x, y = batch
        logits = F.log_softmax(self(x), dim=1)
        return F.nll_loss(logits, y)

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-3)
