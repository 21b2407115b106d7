# The divergence of another file takes logits and makes what it needs of them: right.
import torch
import torch.nn.functional as F

from kd import divergence


def step(student, teacher, x, y, T=2.0):
    with torch.no_grad():
        zt = teacher(x)
    zs = student(x)
    return divergence(zs, zt, T) + F.cross_entropy(zs, y)
