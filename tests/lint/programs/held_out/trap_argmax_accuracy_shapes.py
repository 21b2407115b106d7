# argmax gives (N,), squeeze gives (N,), and view_as makes the target like the output: right.
import torch
from torch import nn

multi, binary = nn.Linear(10, 4), nn.Linear(10, 1)
bce = nn.BCEWithLogitsLoss()


def evaluate(x, y4, y2):
    a = (multi(x).argmax(dim=1) == y4).float().mean()
    z = binary(x)
    loss = bce(z, y2.float().view_as(z))
    b = ((z.squeeze(-1) > 0).long() == y2).float().mean()
    mae = (torch.sigmoid(z).flatten() - y2.float()).abs().mean()
    return a, b, mae, loss
