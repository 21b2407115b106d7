# Token logits (N, T, C): transposed for one loss, flattened together with the tags for another; both are right.
import torch
import torch.nn as nn


class Tagger(nn.Module):
    def __init__(self, vocab_size, n_tags, d=100, h=128):
        super().__init__()
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
    loss = crit(scores.transpose(1, 2), tags)
    opt.zero_grad()
    loss.backward()
    opt.step()
    return loss.item()


@torch.no_grad()
def evaluate(batches):
    return [crit(tagger(x).view(-1, 9), y.view(-1)).item() for x, y in batches]
