# A training loop that copes with tensors, tuples and dicts, and takes the logits of each: right.
import torch
import torch.nn.functional as F
from torch import nn


class Both(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x):
        z = self.fc(x)
        return {"logits": z, "probs": z.softmax(-1)}


def logits_of(out):
    if isinstance(out, dict):
        return out["logits"]
    if isinstance(out, (tuple, list)):
        return out[0]
    return out


def step(x, y, model=None):
    model = model or Both()
    return F.cross_entropy(logits_of(model(x)), y)
