# Losses in a dict, each with the head it is made for: sigmoid mask with BCELoss, class logits with CrossEntropyLoss.
import torch
from torch import nn

LOSSES = {"mask": nn.BCELoss(), "cls": nn.CrossEntropyLoss(), "box": nn.SmoothL1Loss()}


class Detector(nn.Module):
    def __init__(self, d=256, k=20):
        super().__init__()
        self.mask = nn.Sequential(nn.Linear(d, 28 * 28), nn.Sigmoid())
        self.cls = nn.Linear(d, k)
        self.box = nn.Sequential(nn.Linear(d, 4), nn.Sigmoid())

    def forward(self, roi):
        return {"mask": self.mask(roi), "cls": self.cls(roi), "box": self.box(roi)}


def total_loss(model: Detector, roi, target):
    out = model(roi)
    return sum(LOSSES[name](out[name], target[name]) for name in ("mask", "cls", "box"))
