# One un-batched sample gives a vector of logits, so dim 0 is its class axis; batches use the last axis.
import torch
from torch import nn
import torch.nn.functional as F

net = nn.Sequential(nn.Linear(300, 128), nn.ReLU(), nn.Linear(128, 4))
names = ["ham", "spam", "promo", "social"]


def predict_one(vec: torch.Tensor) -> str:
    logits = net(vec.reshape(1, 300))[0]
    probs = F.softmax(logits, dim=0)
    return f"{names[int(probs.argmax())]} {probs.max():.1%}"


def predict_many(batch: torch.Tensor) -> torch.Tensor:
    return F.softmax(net(batch.reshape(-1, 300)), dim=-1)
