# Distillation: the student's logits are divided by T and divided again inside log_softmax.
import torch
import torch.nn.functional as F

T = 3.0


def kd_loss(student_logits: torch.Tensor, teacher_logits: torch.Tensor) -> torch.Tensor:
    student_logits = student_logits / T
    teacher_probs = F.softmax(teacher_logits / T, dim=-1)
    student_logp = F.log_softmax(student_logits / T, dim=-1)  # expect: XE309
    return F.kl_div(student_logp, teacher_probs, reduction="batchmean") * T * T
