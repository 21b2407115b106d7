# AdaptiveLogSoftmaxWithLoss computes the loss itself; its log_prob is used for sampling only.
import torch
from torch import nn


class WordLM(nn.Module):
    def __init__(self, vocab=50000, d=400):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.lstm = nn.LSTM(d, d, 2, batch_first=True)
        self.adaptive = nn.AdaptiveLogSoftmaxWithLoss(d, vocab, cutoffs=[2000, 10000])

    def forward(self, x, y):
        h, _ = self.lstm(self.emb(x))
        return self.adaptive(h.flatten(0, 1), y.flatten()).loss

    @torch.no_grad()
    def next_word(self, x):
        h, _ = self.lstm(self.emb(x))
        probs = self.adaptive.log_prob(h[:, -1]).exp()
        return torch.multinomial(probs, 1)


def perplexity(model: WordLM, x, y):
    return torch.exp(model(x, y))
