# A generator scales the logits by the temperature in place, then the softmax gets the scaled ones over it again.
import torch
from torch import nn


class CharRNN(nn.Module):
    def __init__(self, n_chars, hidden=256):
        super().__init__()
        self.emb = nn.Embedding(n_chars, hidden)
        self.rnn = nn.GRU(hidden, hidden, batch_first=True)
        self.fc = nn.Linear(hidden, n_chars)

    def forward(self, x, h=None):
        y, h = self.rnn(self.emb(x), h)
        return self.fc(y), h


@torch.no_grad()
def sample(net: CharRNN, start, n, temperature=0.8):
    out, h = [], None
    x = start
    for _ in range(n):
        logits, h = net(x, h)
        logits = logits[:, -1] / temperature
        p = torch.softmax(logits / temperature, dim=-1)  # expect: XE309
        x = torch.multinomial(p, 1)
        out.append(x)
    return torch.cat(out, dim=1)
