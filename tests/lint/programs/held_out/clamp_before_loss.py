# Logits are clamped to [0, 1] "to make them probabilities" before the binary loss with logits.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
bce = nn.BCEWithLogitsLoss()


def step(x, y, opt):
    opt.zero_grad()
    out = model(x)
    out = torch.clamp(out, 0, 1)
    loss = bce(out, y.float().unsqueeze(1))  # expect: XE106
    loss.backward()
    opt.step()
    return loss
