# Token logits (N, T, C) are reshaped by view to (N, C, T) for CrossEntropyLoss; that mixes tokens with classes.
import torch
import torch.nn as nn


class Tagger(nn.Module):
    def __init__(self, vocab_size, n_tags, d=100, h=128):
        super().__init__()
        self.n_tags = n_tags
        self.emb = nn.Embedding(vocab_size, d)
        self.rnn = nn.GRU(d, h, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(2 * h, n_tags)

    def forward(self, tokens):
        out, _ = self.rnn(self.emb(tokens))
        return self.fc(out)


tagger = Tagger(10000, 9)
crit = nn.CrossEntropyLoss(ignore_index=-1)
opt = torch.optim.Adam(tagger.parameters())


def step(tokens, tags):
    scores = tagger(tokens)
    N, T, C = scores.shape
    scores = scores.view(N, C, T)  # expect: XE307
    loss = crit(scores, tags)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()
