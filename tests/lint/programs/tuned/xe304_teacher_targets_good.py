# Softmax and sigmoid of a teacher's logits are right as soft targets.
import torch
from torch import nn
from torch.nn import functional as F


def pseudo_label_step(student: nn.Module, teacher: nn.Module, x: torch.Tensor, sharpen: float = 0.5):
    with torch.no_grad():
        target = torch.softmax(teacher(x) / sharpen, dim=-1)
    return nn.CrossEntropyLoss()(student(x), target)


def multilabel_distill(student: nn.Module, teacher: nn.Module, x: torch.Tensor):
    teacher.eval()
    with torch.no_grad():
        soft = torch.sigmoid(teacher(x))
    return F.binary_cross_entropy_with_logits(student(x), soft)
