# Distillation as it should be: log_softmax of the student, softmax of the teacher, batchmean, T squared: right.
import torch
import torch.nn as nn
import torch.nn.functional as F


def distill_step(student, teacher, x, y, optimizer, T=4.0, alpha=0.7):
    kl = nn.KLDivLoss(reduction="batchmean")
    kl_log = nn.KLDivLoss(reduction="batchmean", log_target=True)
    with torch.no_grad():
        t_logits = teacher(x)
    s_logits = student(x)
    log_p_s = F.log_softmax(s_logits / T, dim=1)
    soft = kl(log_p_s, F.softmax(t_logits / T, dim=1)) * T * T
    same = kl_log(log_p_s, F.log_softmax(t_logits / T, dim=1)) * T * T
    hard = F.cross_entropy(s_logits, y)
    loss = alpha * soft + (1 - alpha) * hard
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item(), (soft - same).abs().item()
