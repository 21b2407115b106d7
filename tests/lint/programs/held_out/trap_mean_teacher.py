# Mean teacher: a mean squared error of two softmaxes with the teacher's detached, beside a loss on logits: right.
import torch
import torch.nn.functional as F


def loss(student, teacher, x, y, u1, u2, ramp):
    z = student(x)
    supervised = F.cross_entropy(z, y)
    s = F.softmax(student(u1), dim=1)
    t = F.softmax(teacher(u2), dim=1).detach()
    consistency = F.mse_loss(s, t)
    return supervised + ramp * consistency


@torch.no_grad()
def update(student, teacher, alpha=0.999):
    for a, b in zip(teacher.parameters(), student.parameters()):
        a.mul_(alpha).add_(b, alpha=1 - alpha)
