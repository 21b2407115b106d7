# word2vec with negative sampling: .sigmoid().log() for the positives, log(1 - p) for the negatives.
import torch
import torch.nn as nn


class SkipGram(nn.Module):
    def __init__(self, vocab, dim):
        super().__init__()
        self.u = nn.Embedding(vocab, dim)
        self.v = nn.Embedding(vocab, dim)

    def forward(self, center, context, negatives):
        c = self.u(center)
        pos = (c * self.v(context)).sum(1)
        neg = torch.bmm(self.v(negatives), c.unsqueeze(2)).squeeze(2)
        pos_term = pos.sigmoid().log()  # expect: XE502
        p_neg = torch.sigmoid(neg)
        neg_term = torch.log(1.0 - p_neg).sum(1)  # expect: XE503
        return -(pos_term + neg_term).mean()
