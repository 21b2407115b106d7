# The student's logits are divided by T when they are made and once more inside the softmax.
import torch
import torch.nn.functional as F
from torch import nn


class KD(nn.Module):
    def __init__(self, teacher, student, T=3.0):
        super().__init__()
        self.teacher, self.student, self.T = teacher, student, T

    def forward(self, x, y):
        with torch.no_grad():
            zt = self.teacher(x) / self.T
        zs = self.student(x)
        pt = F.softmax(zt / self.T, dim=-1)  # expect: XE309
        ls = F.log_softmax(zs / self.T, dim=-1)
        soft = F.kl_div(ls, pt, reduction="batchmean") * self.T**2
        return soft + F.cross_entropy(zs, y)
