# Distillation with both sides as probabilities; KLDivLoss wants the first one in log space.
import torch
import torch.nn as nn
import torch.nn.functional as F


def distill_step(student, teacher, x, y, optimizer, T=4.0, alpha=0.7):
    kl = nn.KLDivLoss(reduction="batchmean")
    with torch.no_grad():
        t_logits = teacher(x)
    s_logits = student(x)
    p_s = F.softmax(s_logits / T, dim=1)
    p_t = F.softmax(t_logits / T, dim=1)
    soft = kl(p_s, p_t) * T * T  # expect: XE204
    hard = F.cross_entropy(s_logits, y)
    loss = alpha * soft + (1 - alpha) * hard
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
