# Lightning: a multi-label head ends with nn.Sigmoid and the step takes binary_cross_entropy_with_logits.
import lightning as L
import torch
from torch import nn
from torch.nn import functional as F


class ChestXray(L.LightningModule):
    def __init__(self, backbone: nn.Module, feat_dim: int, n_findings: int = 14):
        super().__init__()
        self.backbone = backbone
        self.classifier = nn.Sequential(nn.Linear(feat_dim, n_findings), nn.Sigmoid())

    def forward(self, x):
        return self.classifier(self.backbone(x))

    def training_step(self, batch, batch_idx):
        img, findings = batch
        out = self(img)
        loss = F.binary_cross_entropy_with_logits(out, findings.float())  # expect: XE102
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=2e-4)
