import torch
import torch.nn.functional as F
from torch import nn

from utils import confidences, postprocess

model = nn.Sequential(nn.Linear(128, 64), nn.GELU(), nn.Linear(64, 8))
opt = torch.optim.Adam(model.parameters(), lr=3e-4)


def train_epoch(loader):
    for feats, target in loader:
        preds = postprocess(model(feats))
        loss = F.cross_entropy(preds, target)
        opt.zero_grad()
        loss.backward()
        opt.step()
        print(confidences(preds).mean().item())
