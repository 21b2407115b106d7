# Knowledge distillation in which both arguments of F.kl_div are probabilities.
import torch
import torch.nn.functional as F


def distillation_step(student, teacher, x, y, T=4.0, alpha=0.7):
    with torch.no_grad():
        t_logits = teacher(x)
    s_logits = student(x)
    soft = F.kl_div(  # expect: XE204
        F.softmax(s_logits / T, dim=1),
        F.softmax(t_logits / T, dim=1),
        reduction="batchmean",
    )
    hard = F.cross_entropy(s_logits, y)
    return alpha * T * T * soft + (1 - alpha) * hard
