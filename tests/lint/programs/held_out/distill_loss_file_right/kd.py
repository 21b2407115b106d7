# The divergence of two distributions, with the student's logarithm taken here.
import torch.nn.functional as F


def divergence(student_logits, teacher_logits, T):
    log_p = F.log_softmax(student_logits / T, dim=-1)
    q = F.softmax(teacher_logits / T, dim=-1)
    return F.kl_div(log_p, q, reduction="batchmean") * T * T
