# A CRF takes raw emissions and has its own likelihood; the auxiliary language model loss is plain: right.
import torch
from torch import nn
from torchcrf import CRF


class BiLSTMCRF(nn.Module):
    def __init__(self, vocab, tags, d=100):
        super().__init__()
        self.emb = nn.Embedding(vocab, d, padding_idx=0)
        self.lstm = nn.LSTM(d, d, bidirectional=True, batch_first=True)
        self.emit = nn.Linear(2 * d, tags)
        self.lm = nn.Linear(2 * d, vocab)
        self.crf = CRF(tags, batch_first=True)

    def forward(self, x, tags, mask):
        h, _ = self.lstm(self.emb(x))
        nll = -self.crf(self.emit(h), tags, mask=mask, reduction="token_mean")
        lm = nn.functional.cross_entropy(self.lm(h).transpose(1, 2), x, ignore_index=0)
        return nll + 0.1 * lm

    def decode(self, x, mask):
        h, _ = self.lstm(self.emb(x))
        return self.crf.decode(self.emit(h), mask=mask)
