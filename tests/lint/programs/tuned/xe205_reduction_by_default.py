# A module of one's own whose default is "mean", and which is made with it.
import torch.nn.functional as F
from torch import nn


class Divergence(nn.Module):
    def __init__(self, reduction="mean"):
        super().__init__()
        self.reduction = reduction

    def forward(self, student, teacher):
        log_probs = F.log_softmax(student, dim=1)
        return F.kl_div(log_probs, F.softmax(teacher, dim=1), reduction=self.reduction)  # expect: XE205


criterion = Divergence()


def step(student, teacher, images):
    return criterion(student(images), teacher(images))
