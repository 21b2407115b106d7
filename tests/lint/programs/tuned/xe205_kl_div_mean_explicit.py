# Variational mixture: F.kl_div with reduction="mean" divides by batch times classes.
import torch
import torch.nn.functional as F


def mean_teacher_loss(student_out, teacher_out, step, ramp=4000):
    weight = min(1.0, step / ramp)
    student_log = torch.log_softmax(student_out, dim=1)
    teacher_prob = torch.softmax(teacher_out.detach(), dim=1)
    return weight * F.kl_div(student_log, teacher_prob, reduction="mean")  # expect: XE205
