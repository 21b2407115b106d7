# Softmax without an axis: torch guesses it from the number of axes, and for (T, N, C) it takes the time axis.
import torch
import torch.nn.functional as F
from torch import nn


class Decoder(nn.Module):
    def __init__(self, hidden, vocab):
        super().__init__()
        self.gru = nn.GRU(hidden, hidden)
        self.vocab = nn.Linear(hidden, vocab)

    def forward(self, x):
        out, _ = self.gru(x)
        return self.vocab(out)

    @torch.no_grad()
    def sample(self, x):
        probs = F.softmax(self.forward(x))  # expect: XE307
        return torch.multinomial(probs[-1], 1)


def loss_fn(dec: Decoder, x, y):
    logits = dec(x)
    return nn.CrossEntropyLoss(ignore_index=0)(logits.reshape(-1, logits.size(-1)), y.reshape(-1))
