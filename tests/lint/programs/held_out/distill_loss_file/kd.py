# The divergence of two distributions.
import torch.nn.functional as F


def divergence(student, teacher):
    return F.kl_div(student, teacher, reduction="batchmean")  # expect: XE204
