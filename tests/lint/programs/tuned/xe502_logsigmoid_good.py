# Word2vec with negative sampling, and a pairwise ranking loss, both by logsigmoid.
import torch
import torch.nn as nn
import torch.nn.functional as F


class SkipGram(nn.Module):
    def __init__(self, vocab, dim):
        super().__init__()
        self.center = nn.Embedding(vocab, dim)
        self.context = nn.Embedding(vocab, dim)

    def forward(self, c, pos, neg):
        v = self.center(c)
        pos_score = (v * self.context(pos)).sum(-1)
        neg_score = torch.bmm(self.context(neg), v.unsqueeze(2)).squeeze(2)
        return -(F.logsigmoid(pos_score) + F.logsigmoid(-neg_score).sum(1)).mean()


bpr = nn.LogSigmoid()


def bpr_loss(user, item_pos, item_neg):
    x = (user * item_pos).sum(-1) - (user * item_neg).sum(-1)
    return -bpr(x).mean()
