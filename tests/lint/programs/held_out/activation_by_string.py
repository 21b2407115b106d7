# The activation is chosen by a string of the constructor; the call site picks softmax and trains with cross-entropy.
import torch
from torch import nn


class Head(nn.Module):
    def __init__(self, d, k, activation="none"):
        super().__init__()
        self.proj = nn.Linear(d, k)
        if activation == "softmax":
            self.act = nn.Softmax(dim=-1)
        else:
            self.act = nn.Identity()

    def forward(self, x):
        return self.act(self.proj(x))


def loop(batches):
    head = Head(512, 20, activation="softmax")
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    ce_loss = nn.CrossEntropyLoss()
    for feats, target in batches:
        optimizer.zero_grad()
        ce_loss(head(feats), target).backward()  # expect: XE101
        optimizer.step()
