# The same name holds logits, then probabilities; the first loss call is right and the second is not.
import torch
from torch import nn

model = nn.Linear(64, 8)
loss_function = nn.CrossEntropyLoss()


def train_step(x, y, optimizer):
    out = model(x)
    loss = loss_function(out, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def eval_step(x, y):
    out = model(x)
    out = nn.functional.softmax(out, dim=1)
    val_loss = loss_function(out, y)  # expect: XE101
    conf, pred = out.max(1)
    return val_loss.item(), conf.mean().item(), (pred == y).float().mean().item()
