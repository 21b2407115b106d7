# AdaptiveLogSoftmaxWithLoss makes the logits and the loss itself, and SplitCrossEntropy is not torch's: right.
import torch
from torch import nn


class BigVocab(nn.Module):
    def __init__(self, d=512, vocab=250_000):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.rnn = nn.LSTM(d, d, batch_first=True)
        self.softmax = nn.AdaptiveLogSoftmaxWithLoss(d, vocab, cutoffs=[2000, 20_000, 100_000])

    def forward(self, x, y):
        h, _ = self.rnn(self.emb(x))
        out = self.softmax(h.flatten(0, 1), y.flatten())
        return out.loss


def step(model: BigVocab, x, y, opt):
    loss = model(x, y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return torch.exp(loss.detach())
