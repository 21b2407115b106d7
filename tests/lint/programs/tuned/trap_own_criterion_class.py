# A class of one's own named CrossEntropyLoss takes log-probabilities, as its forward shows; torch's is not used.
import torch
from torch import nn


class CrossEntropyLoss(nn.Module):
    """Mean negative log-probability of the target, with a cap on single samples."""

    def __init__(self, cap=10.0):
        super().__init__()
        self.cap = cap

    def forward(self, log_p, y):
        nll = -log_p[torch.arange(len(y)), y]
        return nll.clamp(max=self.cap).mean()


model = nn.Sequential(nn.Linear(9, 27), nn.ReLU(), nn.Linear(27, 3), nn.LogSoftmax(dim=1))
criterion = CrossEntropyLoss()
opt = torch.optim.Adam(model.parameters())


def step(x, y):
    loss = criterion(model(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
