# An ensemble averages sigmoids and uses BCELoss; each single member uses logits with BCEWithLogitsLoss.
import torch
from torch import nn

members = nn.ModuleList([nn.Linear(16, 1) for _ in range(5)])
bce, bce_logits = nn.BCELoss(), nn.BCEWithLogitsLoss()


def ensemble_loss(x, y):
    p = torch.stack([torch.sigmoid(m(x)) for m in members]).mean(0).squeeze(1)
    return bce(p, y)


def member_losses(x, y):
    return [bce_logits(m(x).squeeze(1), y) for m in members]
