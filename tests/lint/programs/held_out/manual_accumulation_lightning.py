# Lightning with manual optimisation: token means, with -100 ignored, are divided by the number of micro-batches.
import lightning.pytorch as pl
import torch
import torch.nn.functional as F


class Instruct(pl.LightningModule):
    def __init__(self, lm, every=16):
        super().__init__()
        self.lm, self.every = lm, every
        self.automatic_optimization = False

    def training_step(self, batch, batch_idx):
        opt = self.optimizers()
        logits = self.lm(batch["input_ids"])
        loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), ignore_index=-100)
        self.manual_backward(loss / self.every)  # expect: XE408
        if (batch_idx + 1) % self.every == 0:
            opt.step()
            opt.zero_grad()

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-5)
