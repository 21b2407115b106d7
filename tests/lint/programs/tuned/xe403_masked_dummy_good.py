# The ignored id becomes a dummy for the lookup; a mask made before leaves these tokens out of the sum.
import torch.nn.functional as F


def sequence_log_probs(logits, labels):
    labels = labels[:, 1:].clone()
    loss_mask = labels != -100
    labels[labels == -100] = 0
    log_probs = F.log_softmax(logits[:, :-1], dim=-1).gather(2, labels.unsqueeze(2)).squeeze(2)
    return (log_probs * loss_mask).sum(-1) / loss_mask.sum(-1)


def mean_of_known(logits, labels):
    unknown = labels == -100
    labels[unknown] = 0
    losses = F.cross_entropy(logits.transpose(1, 2), labels, reduction="none")
    return losses.masked_fill(unknown, 0).sum() / (~unknown).sum()
