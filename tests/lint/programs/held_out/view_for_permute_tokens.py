# Token logits (N, T, C) are viewed as (N, C, T), which mixes tokens and classes; a permute was meant.
import torch
from torch import nn


class NERModel(nn.Module):
    def __init__(self, vocab_size, n_tags, hidden=128):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, hidden)
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True, bidirectional=True)
        self.tag = nn.Linear(2 * hidden, n_tags)
        self.n_tags = n_tags

    def forward(self, ids):
        h, _ = self.lstm(self.embed(ids))
        return self.tag(h)


def train_step(model: NERModel, ids, tags, optimizer):
    criterion = nn.CrossEntropyLoss(ignore_index=-100)
    logits = model(ids)
    N, T, C = logits.shape
    logits = logits.view(N, C, T)  # expect: XE307
    loss = criterion(logits, tags)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
