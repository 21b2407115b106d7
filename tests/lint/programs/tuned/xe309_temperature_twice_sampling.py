# A small GPT divides its logits by the temperature in forward, and sample() divides once more.
import torch
from torch import nn
from torch.nn import functional as F


class CharModel(nn.Module):
    def __init__(self, vocab, d=128, temperature=0.8):
        super().__init__()
        self.emb = nn.Embedding(vocab, d)
        self.rnn = nn.GRU(d, d, batch_first=True)
        self.head = nn.Linear(d, vocab)
        self.temperature = temperature

    def forward(self, idx, state=None):
        out, state = self.rnn(self.emb(idx), state)
        return self.head(out) / self.temperature, state

    @torch.no_grad()
    def sample(self, idx, n):
        state = None
        for _ in range(n):
            logits, state = self(idx[:, -1:], state)
            probs = F.softmax(logits[:, -1] / self.temperature, dim=-1)  # expect: XE309
            idx = torch.cat([idx, torch.multinomial(probs, 1)], dim=1)
        return idx
