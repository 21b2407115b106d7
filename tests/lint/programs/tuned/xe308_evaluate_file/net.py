# evaluate.py imports a net whose forward returns logits and thresholds them at 0.5.
import torch
from torch import nn


class ToxicNet(nn.Module):
    def __init__(self, d=300, n_tags=6):
        super().__init__()
        self.gru = nn.GRU(d, 64, batch_first=True, bidirectional=True)
        self.out = nn.Linear(128, n_tags)

    def forward(self, x):
        h, _ = self.gru(x)
        return self.out(h.max(dim=1).values)


def train_step(net: ToxicNet, opt: torch.optim.Optimizer, x, tags):
    loss = nn.functional.binary_cross_entropy_with_logits(net(x), tags)
    opt.zero_grad()
    loss.backward()
    opt.step()
