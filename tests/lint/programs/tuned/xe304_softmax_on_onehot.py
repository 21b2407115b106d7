# One-hot labels go through softmax before they become the target of CrossEntropyLoss.
import torch
from torch import nn
from torch.nn.functional import one_hot, softmax

model = nn.Sequential(nn.Linear(64, 64), nn.SiLU(), nn.Linear(64, 8))
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters())


def step(x: torch.Tensor, y: torch.Tensor) -> float:
    target = softmax(one_hot(y, num_classes=8).float(), dim=-1)
    logits = model(x)
    loss = loss_fn(logits, target)  # expect: XE304
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()
