# log_softmax is taken for beam search and for a KL term; the cross-entropy itself gets logits.
import torch
import torch.nn.functional as F
from torch import nn


class Captioner(nn.Module):
    def __init__(self, vocab=9000, d=256):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.gru = nn.GRU(d, d, batch_first=True)
        self.out = nn.Linear(d, vocab)

    def forward(self, ids):
        return self.out(self.gru(self.emb(ids))[0])

    @torch.no_grad()
    def beam_scores(self, ids):
        return F.log_softmax(self.forward(ids)[:, -1], dim=-1).topk(5)


def loss(student: Captioner, teacher: Captioner, ids):
    logits = student(ids[:, :-1])
    with torch.no_grad():
        log_q = F.log_softmax(teacher(ids[:, :-1]), dim=-1)
    kl = F.kl_div(F.log_softmax(logits, dim=-1), log_q, reduction="batchmean", log_target=True)
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()) + 0.1 * kl
