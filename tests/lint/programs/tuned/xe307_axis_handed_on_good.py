# The axis is said, by who calls: from a context, among keywords, or as the module was made.
import torch
import torch.nn.functional as F
from torch import nn


class MaskedSoftmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx, scores, mask, dim):
        ctx.dim = dim
        scores = scores.masked_fill(mask, torch.finfo(scores.dtype).min)
        probs = torch.softmax(scores, ctx.dim)
        ctx.save_for_backward(probs)
        return probs


def softmax_of_padded(values, offsets, **kwargs):
    padded = torch.ops.aten._jagged_to_padded_dense_forward(values, [offsets], 8)
    return F.softmax(padded, **kwargs)


class Normalise(nn.Module):
    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        return F.softmax(x, self.dim)


class Activated(nn.Module):
    def __init__(self, width, activation=nn.functional.softmax):
        super().__init__()
        self.fc = nn.Linear(width, 12)
        self.activation = activation

    def forward(self, x):
        mean = self.fc(x)
        if self.activation in [nn.functional.softmax, torch.softmax]:
            mean = self.activation(mean, dim=-1)
        else:
            mean = self.activation(mean)
        return mean

    def loss(self, x, y):
        return F.mse_loss(self.forward(x), y)
