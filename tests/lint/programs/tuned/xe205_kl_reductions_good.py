# KL terms with batchmean, with a sum over the batch size, and with "none" under a token mask.
import torch
import torch.nn as nn
import torch.nn.functional as F

batch_kl = nn.KLDivLoss(reduction="batchmean", log_target=True)


def rdrop(p, q):
    return batch_kl(F.log_softmax(p, dim=-1), F.log_softmax(q, dim=-1))


def summed(p, q):
    return F.kl_div(F.log_softmax(p, -1), F.softmax(q, -1), reduction="sum") / p.size(0)


def masked_tokens(student, teacher, mask):
    kl = F.kl_div(F.log_softmax(student, -1), F.softmax(teacher, -1), reduction="none").sum(-1)
    return (kl * mask).sum() / mask.sum()
