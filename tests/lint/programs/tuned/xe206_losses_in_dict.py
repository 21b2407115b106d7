# Losses in a dict with the keys of two heads; the mask head gives logits and its loss is BCELoss.
import torch
from torch import nn

LOSSES = {"mask": nn.BCELoss(), "cls": nn.CrossEntropyLoss()}


class Detector(nn.Module):
    def __init__(self, d=256, k=20):
        super().__init__()
        self.mask = nn.Linear(d, 28 * 28)
        self.cls = nn.Linear(d, k)

    def forward(self, roi):
        return {"mask": self.mask(roi), "cls": self.cls(roi)}


model = Detector()
opt = torch.optim.Adam(model.parameters())


def train_step(roi, target):
    out = model(roi)
    mask_loss = LOSSES["mask"](out["mask"], target["mask"])  # expect: XE206
    cls_loss = LOSSES["cls"](out["cls"], target["cls"])
    opt.zero_grad()
    (mask_loss + cls_loss).backward()
    opt.step()
