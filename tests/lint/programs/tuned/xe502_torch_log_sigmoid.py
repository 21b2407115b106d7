# Word2vec with negative sampling: log of a sigmoid of the scores.
import torch
import torch.nn as nn


class SkipGram(nn.Module):
    def __init__(self, vocab, dim):
        super().__init__()
        self.center = nn.Embedding(vocab, dim)
        self.context = nn.Embedding(vocab, dim)

    def forward(self, c, pos, neg):
        v = self.center(c)
        pos_score = (v * self.context(pos)).sum(-1)
        neg_score = torch.bmm(self.context(neg), v.unsqueeze(2)).squeeze(2)
        pos_loss = torch.log(torch.sigmoid(pos_score))  # expect: XE502
        neg_loss = torch.log(torch.sigmoid(-neg_score)).sum(1)  # expect: XE502
        return -(pos_loss + neg_loss).mean()
