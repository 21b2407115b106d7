import torch
import torch.nn.functional as F
from torch import nn

from utils import postprocess, seed_everything

seed_everything()
model = nn.Sequential(nn.Linear(128, 64), nn.GELU(), nn.Linear(64, 3))
opt = torch.optim.Adam(model.parameters(), lr=3e-4)


def train_epoch(loader):
    for feats, target in loader:
        preds = postprocess(model(feats))
        loss = F.cross_entropy(preds, target)  # expect: XE101
        opt.zero_grad()
        loss.backward()
        opt.step()
        print((preds.argmax(1) == target).float().mean().item())
